// Whether the network of a container has ended under it: the process that serves its ports (pasta;
// rootlessport where containers share a network) was killed or has crashed. Podman does not notice:
// the container runs, and nobody reaches it. In memory alone, and only of ports that were seen to
// be served: an agent that has just begun, or cannot look, takes nothing for lost.

import { type OpenPorts, portName } from "../device/open-ports.ts";
import type { Container } from "../model/snapshot.ts";

/**
 * Between two looks that do not find them: what the container's own end looks like passes sooner.
 */
const CONFIRMED_AFTER_MS = 5_000;

interface Life {
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  /** Those that were served in this life. */
  readonly served: ReadonlySet<string>;
  /** By the clock that never jumps; null: at the last look some of them was. */
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
