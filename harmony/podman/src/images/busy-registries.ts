// Registries that said they are asked too often: each is left alone for a while, since one that
// limits how often it is asked counts each time. Kept in memory, by a clock that nobody sets.

export const BUSY_REGISTRY_MS = 600_000;

export class BusyRegistries {
  readonly #busy = new Map<string, { readonly untilMs: number; readonly detail: string }>();
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** `detail`: its words. */
  found(registry: string, detail: string): void {
    this.#busy.set(registry, { untilMs: this.#monotonicMs() + BUSY_REGISTRY_MS, detail });
  }

  /** What it said when it is not to be asked now; null: it may be. */
  of(registry: string): string | null {
    const busy = this.#busy.get(registry);
    return busy === undefined || this.#monotonicMs() >= busy.untilMs ? null : busy.detail;
  }

  /** All may be asked again. */
  forget(): void {
    this.#busy.clear();
  }
}
