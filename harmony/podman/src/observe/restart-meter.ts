// Counts how often Podman has lately restarted a container. Podman keeps a count and no times, so
// two looks at it are compared. It remembers in memory alone: an agent that has just begun sees a
// container that keeps ending for some seconds more.

import type { Container } from "../model/snapshot.ts";

const WINDOW_MS = 300_000;
const SAMPLES = 32;

interface Sample {
  readonly atMs: number;
  readonly restarts: number;
}

export class RestartMeter {
  readonly #samples = new Map<string, readonly Sample[]>();

  /** Takes a look, and gives the restarts within the last minutes. */
  note({ name, restarts, createdAtMs }: Container, nowMs: number): number {
    const key = `${name} ${createdAtMs}`;
    if (restarts === 0) {
      this.#samples.delete(key);
      return 0;
    }
    const before = (this.#samples.get(key) ?? []).filter(({ atMs }) => nowMs - atMs < WINDOW_MS && atMs <= nowMs);
    // The count went down: a call started the container.
    const samples = [...(before.every((sample) => sample.restarts <= restarts) ? before : []), { atMs: nowMs, restarts }];
    this.#samples.set(key, [...samples.slice(0, 1), ...samples.slice(1).slice(-SAMPLES)]);
    return restarts - (samples[0]?.restarts ?? restarts);
  }
}
