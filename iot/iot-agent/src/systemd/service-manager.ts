// What is sent to systemd (sd_notify): READY, STATUS, WATCHDOG, STOPPING and, of a wrong
// configuration, its errno. Node has no datagram socket of AF_UNIX, so the unit has systemd open
// its own (`OpenFile=/run/systemd/notify:notify`, systemd 253), and a write to that descriptor is a
// message (docs/adr/0017). Without one, as on a terminal, nothing is sent and nothing is missing.

import { write } from "node:fs";

const FIRST_PASSED_FD = 3;
const NAME = "notify";
/** One sentence on one line; what is longer is cut, because `systemctl status` shows it whole. */
export const STATUS_MAX_CHARACTERS = 400;
const ERRNO_EINVAL = 22;

type Environment = Readonly<Record<string, string | undefined>>;

export interface ServiceManager {
  /** How often it wants to hear from the watchdog at least; null: it has none. */
  readonly watchdogMs: number | null;
  ready(): void;
  /** One sentence, the last line of `systemctl status`. Sent only when it differs from the last. */
  status(sentence: string): void;
  feedWatchdog(): void;
  stopping(): void;
  /** The configuration is wrong; resolves when it is sent, since the process is about to end. */
  misconfigured(sentence: string): Promise<void>;
}

export function connectServiceManager(env: Environment, options: { readonly pid?: number; readonly send?: Send } = {}): ServiceManager {
  const { pid = process.pid, send = sendTo(notifyFd(env, pid)) } = options;
  const watchdogMs = Number(env["WATCHDOG_USEC"] ?? "0") / 1_000;
  const isWatched = watchdogMs > 0 && (env["WATCHDOG_PID"] ?? String(pid)) === String(pid);
  let sent = "";
  let sending: Promise<void> = Promise.resolve();
  const notify = (message: string): Promise<void> => (sending = sending.then(() => send(message)));
  return {
    watchdogMs: isWatched ? watchdogMs : null,
    ready: () => void notify("READY=1"),
    status: (sentence) => {
      const line = oneLine(sentence);
      if (line === sent) return;
      sent = line;
      void notify(`STATUS=${line}`);
    },
    feedWatchdog: () => void notify("WATCHDOG=1"),
    stopping: () => void notify("STOPPING=1"),
    misconfigured: (sentence) => notify(`STATUS=${oneLine(sentence)}\nERRNO=${ERRNO_EINVAL}`),
  };
}

/** Never rejects: the agent could do nothing about a systemd that does not hear. */
type Send = (message: string) => Promise<void>;

function sendTo(fd: number | null): Send {
  if (fd === null) return () => Promise.resolve();
  return (message) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    write(fd, message, () => resolve());
    return promise;
  };
}

/** The protocol of sd_listen_fds(3). */
export function notifyFd(env: Environment, pid: number): number | null {
  if (env["LISTEN_PID"] !== String(pid)) return null;
  const index = (env["LISTEN_FDNAMES"] ?? "").split(":").indexOf(NAME);
  return index === -1 ? null : FIRST_PASSED_FD + index;
}

function oneLine(sentence: string): string {
  const line = sentence.replaceAll(/\s*\n\s*/g, " ").trim();
  return line.length <= STATUS_MAX_CHARACTERS ? line : `${line.slice(0, STATUS_MAX_CHARACTERS - 1)}…`;
}
