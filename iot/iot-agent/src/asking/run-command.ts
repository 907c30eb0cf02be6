// Runs a command in a workload for a person: the session's stdin goes to it, its output into the
// session, and its exit code is the last word.

import { parseJson } from "@harmony/schema";
import { ExecRequest, type SessionStatus, TerminalSize } from "@iot/contracts";
import { type RunningCommand, Unable } from "@harmony/core";
import { type Answering, known, read } from "./answering.ts";

/** Without a byte either way. */
const IDLE_MOST_MS = 30 * 60_000;
const FIRST_SIZE = { width: 80, height: 24 };

export async function runCommand({ options, session, data }: Answering, signal: AbortSignal): Promise<SessionStatus> {
  const {
    deployment,
    service = null,
    command,
    tty = false,
    stdin = false,
    term = "xterm",
    size = FIRST_SIZE,
  } = read(parseJson(ExecRequest, data));
  const variant = options.variantOf(known(options, deployment));
  if (variant?.run === undefined) throw new Unable("NoCommands", `no command can be run in "${deployment}"`);
  const running = await variant.run(
    { name: deployment, service, command, terminal: tty ? { type: term, size } : null, hasInput: stdin || tty },
    signal,
  );
  const idle = new Idle(running);
  const leave = (): void => running.leave();
  signal.addEventListener("abort", leave, { once: true });
  try {
    signal.throwIfAborted();
    // It ends with the session.
    void forwardInput(session, running, idle).catch(() => running.leave());
    for await (const { stream, data: written } of running.output) {
      idle.moved();
      await session.write(stream === "out" ? "stdout" : "stderr", written);
    }
    signal.throwIfAborted();
    if (idle.isOver) throw new Unable("Idle", "nothing was typed or written for 30 minutes");
    return { exitCode: await running.exitCode() };
  } finally {
    signal.removeEventListener("abort", leave);
    idle.stop();
    running.leave();
  }
}

async function forwardInput(session: Answering["session"], running: RunningCommand, idle: Idle): Promise<void> {
  for await (const { channel, data } of session.incoming()) {
    idle.moved();
    if (channel === "stdin") await running.write(data);
    else if (channel === "close") running.endOfInput();
    else if (channel === "resize") {
      const size = parseJson(TerminalSize, data);
      // A terminal of another size is no reason to end.
      if (size.ok) await running.resize(size.value).catch(() => undefined);
    }
  }
}

class Idle {
  readonly #running: RunningCommand;
  #timer: NodeJS.Timeout;
  isOver = false;

  constructor(running: RunningCommand) {
    this.#running = running;
    this.#timer = this.#wait();
  }

  moved(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#wait();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(): NodeJS.Timeout {
    return setTimeout(() => {
      this.isOver = true;
      this.#running.leave();
    }, IDLE_MOST_MS);
  }
}
