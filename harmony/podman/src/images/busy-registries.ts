// Registries that answered that they are asked too often. Each is left alone for a while, since a
// registry with such a limit counts each request. Kept in memory, by a clock that nobody sets.

export const BUSY_REGISTRY_MS = 600_000;

export class BusyRegistries {
  readonly #busy = new Map<string, { readonly untilMs: number; readonly detail: string }>();
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** `detail`: the registry's words. */
  found(registry: string, detail: string): void {
    this.#busy.set(registry, { untilMs: this.#monotonicMs() + BUSY_REGISTRY_MS, detail });
  }

  /** The registry's words while it must not be asked; null: it may be. */
  of(registry: string): string | null {
    const busy = this.#busy.get(registry);
    return busy === undefined || this.#monotonicMs() >= busy.untilMs ? null : busy.detail;
  }

  /** Lets every registry be asked again. */
  forget(): void {
    this.#busy.clear();
  }
}
