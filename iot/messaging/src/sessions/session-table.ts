// The sessions of one end of a link, by their ids: they share one window, and one clock looks after
// their leases. While there are none, nothing runs.

import type { Clock } from "@harmony/runtime";
import { SessionEnd, type SessionEndOptions } from "./session-end.ts";
import { Turns } from "./turns.ts";

const TICK_MS = 1_000;
/** Ids of sessions that are over. */
const REMEMBERED = 64;

export class SessionTable {
  readonly #clock: Pick<Clock, "monotonicMs" | "sleep">;
  readonly #turns: Turns;
  readonly #sessions = new Map<string, SessionEnd>();
  readonly #over = new Set<string>();
  /** Ends the wait for the next tick; null: nothing runs. */
  #ticking: AbortController | null = null;

  constructor(clock: Pick<Clock, "monotonicMs" | "sleep">) {
    this.#clock = clock;
    this.#turns = new Turns(() => clock.monotonicMs());
  }

  get size(): number {
    return this.#sessions.size;
  }

  get windowBytes(): number {
    return this.#turns.windowBytes;
  }

  has(id: string): boolean {
    return this.#sessions.has(id);
  }

  open(id: string, { send, hears }: Pick<SessionEndOptions, "send" | "hears">): SessionEnd {
    const nowMs = (): number => this.#clock.monotonicMs();
    const session = new SessionEnd({ send, hears, turns: this.#turns, nowMs });
    this.#sessions.set(id, session);
    void session.ended.then(() => {
      this.#sessions.delete(id);
      this.#remember(id);
      if (this.#sessions.size > 0) return;
      this.#ticking?.abort(new Error("no session is left"));
      this.#ticking = null;
    });
    if (this.#ticking === null) void this.#tick((this.#ticking = new AbortController()));
    return session;
  }

  /**
   * Returns whether there is such a session, or was: what is under way when one ends still comes.
   */
  receive(id: string, frame: Uint8Array): boolean {
    const session = this.#sessions.get(id);
    session?.receive(frame);
    return session !== undefined || this.#over.has(id);
  }

  /** The connection that they are on is lost. */
  lost(): void {
    for (const session of this.#sessions.values()) session.drop("lost");
  }

  #remember(id: string): void {
    this.#over.add(id);
    const [oldest] = this.#over;
    if (this.#over.size > REMEMBERED && oldest !== undefined) this.#over.delete(oldest);
  }

  async #tick(ticking: AbortController): Promise<void> {
    while (!ticking.signal.aborted) {
      await this.#clock.sleep(TICK_MS, ticking.signal).catch(() => undefined);
      for (const session of this.#sessions.values()) session.tick();
      this.#turns.look();
    }
  }
}
