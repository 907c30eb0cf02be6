// Finds whether the network of a container has ended under it: the process that serves its ports
// (pasta; rootlessport where containers share a network) was killed or has crashed. Podman does not
// notice: the container runs, and nobody reaches it. It remembers in memory alone, and only ports
// that were seen to be served: an agent that has just begun, or cannot look, takes nothing for
// lost.

import { type OpenPorts, portName } from "../device/open-ports.ts";
import type { Container } from "../model/snapshot.ts";

/**
 * The time between two looks that miss the ports: the container's own end looks alike, and passes
 * sooner.
 */
const CONFIRMED_AFTER_MS = 5_000;

interface Life {
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  /** The ports that were served in this life. */
  readonly served: ReadonlySet<string>;
  /** The time by the clock that never jumps; null: the last look found some of them served. */
  readonly missedSinceMs: number | null;
}

export class PortWatch {
  readonly #lives = new Map<string, Life>();

  /** Takes a look. */
  hasLostNetwork({ name, state, createdAtMs, startedAtMs, ports }: Container, open: OpenPorts, monotonicMs: number): boolean {
    if (state !== "running") {
      this.#lives.delete(name);
      return false;
    }
    const known = this.#lives.get(name);
    const before = known?.createdAtMs === createdAtMs && known.startedAtMs === startedAtMs ? known : undefined;
    const now = ports.map(portName).filter((port) => open.has(port));
    const served = new Set([...(before?.served ?? []), ...now]);
    const missedSinceMs = now.length > 0 || served.size === 0 ? null : (before?.missedSinceMs ?? monotonicMs);
    this.#lives.set(name, { createdAtMs, startedAtMs, served, missedSinceMs });
    return missedSinceMs !== null && monotonicMs - missedSinceMs >= CONFIRMED_AFTER_MS;
  }
}
