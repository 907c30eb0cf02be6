// How long a container has been up, by the clock that never jumps: Podman tells when it was started
// by the wall clock, which time sync may set by years meanwhile. In memory alone: an agent that has
// just begun counts from its own first look, so that a version on trial is given its time once
// more.

import type { Container } from "../model/snapshot.ts";

interface Life {
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  /** Of the first look at it, and of the first at its last start. */
  readonly firstMs: number;
  readonly startMs: number;
}

export class UpMeter {
  readonly #lives = new Map<string, Life>();

  /** Takes a look. What was stopped by a call, or went down with the device, begins anew. */
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
