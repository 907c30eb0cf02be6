// Begins something on a reconciled device before its power is cut, and waits for the moment. It
// sees the phase's beginning in the device's files as they change, which costs the emulated
// processor nothing. The cut's delay counts from there.

import type { Registry } from "@iot/testkit";
import type { Cut } from "./plan.ts";
import type { Powered } from "./powered-device.ts";

export interface Begin {
  readonly machine: Pick<Powered, "shell" | "watcher">;
  readonly registry: Registry;
  /** Publishes a new version. */
  change(options?: { readonly ballastMegabytes?: number }): Promise<void>;
}

/** A phase that has not begun by then is cut all the same. */
const BEGIN_TIMEOUT_MS = 90_000;
const BALLAST_MEGABYTES = 6;
const SLOW_LAYER_MS = 3_000;
const BURST = 4;

const STATE = "/var/lib/iot-agent";
/** As the device's shell knows the folder. */
const STORAGE = "~iot-agent/.local/share/containers/storage";

export interface Begun {
  /** Whether the phase began in time. */
  readonly begun: boolean;
  /**
   * Resolves when publishing is over. It goes on while the power goes; wait for it before judging
   * the device.
   */
  readonly published: Promise<void>;
}

/** Resolves at the moment of the cut. */
export async function beginPhase(cut: Cut, begin: Begin): Promise<Begun> {
  const { machine, registry, change } = begin;
  switch (cut.phase) {
    case "idle":
    case "boot":
      await pause(cut.delayMs);
      return { begun: true, published: Promise.resolve() };
    case "pull": {
      const before = registry.requests(/^GET .*\/blobs\//);
      registry.slowDown(SLOW_LAYER_MS);
      await change({ ballastMegabytes: BALLAST_MEGABYTES });
      const begun = await polled(() => registry.requests(/^GET .*\/blobs\//) > before);
      await pause(cut.delayMs);
      registry.slowDown(0);
      return { begun, published: Promise.resolve() };
    }
    case "create":
      return after(cut, watch(machine, `${STORAGE}/overlay-containers`, /./), () => change());
    case "swap":
      return after(cut, watch(machine, `${STATE}/swaps`, /./), () => change());
    case "state":
      return after(cut, watch(machine, STATE, /desired-state/), async () => {
        for (let round = 0; round < BURST; round++) await change();
      });
  }
}

async function after(cut: Cut, watching: Promise<Watch>, act: () => Promise<void>): Promise<Begun> {
  const { seen } = await watching;
  const published = act();
  published.catch(() => undefined);
  const begun = await seen;
  await pause(cut.delayMs);
  return { begun, published };
}

interface Watch {
  /** Whether the awaited file came in time. */
  readonly seen: Promise<boolean>;
}

/** Resolves when the watch of that folder is set. */
async function watch(machine: Begin["machine"], folder: string, name: RegExp): Promise<Watch> {
  const standing = Promise.withResolvers<void>();
  const seen = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => seen.resolve(false), BEGIN_TIMEOUT_MS);
  // The folder is made as the agent itself would make it.
  await machine.shell.run(`[ -d ${folder} ] || install --directory --mode=0700 --owner=iot-agent --group=iot-agent ${folder}`);
  await machine.watcher.follow(`perl -e '${WATCH}' ${folder}`, (line) => {
    if (line === "standing") standing.resolve();
    else if (name.test(line)) seen.resolve(true);
    else if (line.startsWith("failed")) standing.reject(new Error(`the device cannot watch ${folder}: ${line}`));
  });
  await standing.promise;
  void seen.promise.then(() => clearTimeout(timer));
  return { seen: seen.promise };
}

/**
 * Prints the names that are made, moved or removed in a folder. The device has no inotify-tools,
 * but Perl, which can call the kernel.
 */
const WATCH = [
  "$| = 1",
  "my ($init, $add) = `uname -m` =~ /aarch64/ ? (26, 27) : (294, 254)",
  'my $folder = "$ARGV[0]\\0"',
  "my $fd = syscall($init, 0)",
  'syscall($add, $fd, $folder, 0x3c0) > 0 or print("failed: $!\\n"), exit',
  'open(my $events, "<&=", $fd)',
  'print "standing\\n"',
  'while (sysread($events, my $bytes, 4096)) { while ($bytes) { my $length = unpack("x12 I", $bytes); print unpack("x16 Z*", $bytes), "\\n"; $bytes = substr($bytes, 16 + $length) } }',
].join("; ");

async function polled(isSo: () => boolean): Promise<boolean> {
  const until = performance.now() + BEGIN_TIMEOUT_MS;
  while (performance.now() < until) {
    if (isSo()) return true;
    await pause(50);
  }
  return false;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
