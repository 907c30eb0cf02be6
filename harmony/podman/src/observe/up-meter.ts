// Measures how long a container has been up, by the clock that never jumps: Podman gives its start
// by the wall clock, which time sync may set by years meanwhile. It remembers in memory alone: an
// agent that has just begun counts from its own first look, so a version on trial is given its time
// once more.

import type { Container } from "../model/snapshot.ts";

interface Life {
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  /** The times of the first look at it, and of the first look at its last start. */
  readonly firstMs: number;
  readonly startMs: number;
}

export class UpMeter {
  readonly #lives = new Map<string, Life>();

  /**
   * Takes a look. A container that a call stopped, or that went down with the device, counts anew.
   */
  note(container: Container, monotonicMs: number): Pick<Container, "upMs" | "aliveMs"> {
    const { name, state, createdAtMs, startedAtMs, stoppedByUser } = container;
    const known = this.#lives.get(name);
    const before = known?.createdAtMs === createdAtMs ? known : undefined;
    const isUp = state === "running";
    if (stoppedByUser || state === "created" || state === "broken" || (!isUp && before === undefined)) {
      this.#lives.delete(name);
      return { upMs: 0, aliveMs: 0 };
    }
    const firstMs = before?.firstMs ?? monotonicMs;
    const startMs = isUp && before?.startedAtMs === startedAtMs ? before.startMs : monotonicMs;
    this.#lives.set(name, { createdAtMs, startedAtMs: isUp ? startedAtMs : null, firstMs, startMs });
    return { upMs: monotonicMs - startMs, aliveMs: monotonicMs - firstMs };
  }
}
