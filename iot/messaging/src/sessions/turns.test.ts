// The window on links that are simulated, in their own time: how much of a link it uses, and how
// long a status would wait behind what is sent.

import { describe, expect, test } from "vitest";
import { LEAST_WINDOW_BYTES, MOST_WINDOW_BYTES } from "./link-window.ts";
import { SHARE_LEAST_BYTES, type Turn, Turns } from "./turns.ts";

const SAID_EVERY_BYTES = 4 * 1024;
const SAID_SOON_MS = 100;

interface LinkOptions {
  readonly bytesPerSecond: number;
  /** One way. */
  readonly delayMs: number;
  /** A session whose reader stands still. */
  readonly still?: readonly number[];
  readonly sessions?: number;
}

/** Sends as much as it may, in the time of the simulation. */
class Link {
  readonly #options: LinkOptions;
  #nowMs = 0;
  #freeAtMs = 0;
  #events: { readonly atMs: number; readonly run: () => void }[] = [];
  readonly turns: Turns;
  readonly sessions: readonly { readonly turn: Turn; consumed: number; said: number; isWaiting: boolean; isSoon: boolean }[];
  /** How long a status that is sent now waits for what is before it. */
  longestQueueMs = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.turns = new Turns(() => this.#nowMs);
    const { sessions = 1 } = options;
    this.sessions = Array.from({ length: sessions }, () => ({
      turn: this.turns.join(),
      consumed: 0,
      said: 0,
      isWaiting: false,
      isSoon: false,
    }));
  }

  get consumed(): number {
    return this.sessions.reduce((sum, { consumed }) => sum + consumed, 0);
  }

  async run(untilMs: number): Promise<void> {
    while (this.#nowMs < untilMs) {
      for (const index of this.sessions.keys()) this.#send(index);
      // Those that were let go send now.
      await Promise.resolve();
      const next = this.#events.reduce((least, { atMs }) => Math.min(least, atMs), this.#nowMs + 1_000);
      this.#nowMs = next;
      const due = this.#events.filter(({ atMs }) => atMs <= next);
      this.#events = this.#events.filter(({ atMs }) => atMs > next);
      for (const { run } of due) run();
      this.turns.look();
      await Promise.resolve();
    }
  }

  #send(index: number): void {
    const session = this.sessions[index];
    if (session === undefined) return;
    while (!session.isWaiting) {
      const wait = session.turn.mayGo();
      if (wait === null) this.#frame(index);
      else {
        session.isWaiting = true;
        void wait.then(() => {
          session.isWaiting = false;
          this.#frame(index);
        });
      }
    }
  }

  #frame(index: number): void {
    const { bytesPerSecond, delayMs, still = [] } = this.#options;
    const session = this.sessions[index];
    if (session === undefined) return;
    const bytes = session.turn.frameBytes();
    session.turn.sent(bytes);
    const queueMs = Math.max(0, this.#freeAtMs - this.#nowMs);
    this.longestQueueMs = Math.max(this.longestQueueMs, queueMs);
    this.#freeAtMs = this.#nowMs + queueMs + (bytes / bytesPerSecond) * 1_000;
    if (still.includes(index)) return;
    const say = (): void => {
      session.said = session.consumed;
      const { consumed } = session;
      this.#at(delayMs, () => session.turn.consumed(consumed));
    };
    this.#at(this.#freeAtMs - this.#nowMs + delayMs, () => {
      session.consumed += bytes;
      const unsaid = session.consumed - session.said;
      if (unsaid >= SAID_EVERY_BYTES) say();
      else if (unsaid >= SHARE_LEAST_BYTES && !session.isSoon) {
        session.isSoon = true;
        this.#at(SAID_SOON_MS, () => {
          session.isSoon = false;
          say();
        });
      }
    });
  }

  #at(inMs: number, run: () => void): void {
    this.#events.push({ atMs: this.#nowMs + inMs, run });
  }
}

describe.each([
  ["256 kbit/s, 500 ms", { bytesPerSecond: 32_000, delayMs: 250 }],
  ["2 Mbit/s, 60 ms", { bytesPerSecond: 250_000, delayMs: 30 }],
  ["64 kbit/s, 800 ms", { bytesPerSecond: 8_000, delayMs: 400 }],
])("on a link of %s", (_name, options) => {
  test.each([1, 3, 8])("%i sessions use most of it, and a status waits at most 2 s", async (sessions) => {
    const link = new Link({ ...options, sessions });
    await link.run(10_000);
    const before = link.consumed;
    link.longestQueueMs = 0;
    await link.run(40_000);
    expect((link.consumed - before) / (30 * options.bytesPerSecond)).toBeGreaterThan(0.6);
    expect(link.longestQueueMs).toBeLessThan(2_000);
    // None is left out.
    for (const { consumed } of link.sessions) expect(consumed).toBeGreaterThan(link.consumed / sessions / 2);
  });

  test("a reader that stands still takes nothing from the others", async () => {
    const link = new Link({ ...options, sessions: 3, still: [1] });
    await link.run(10_000);
    const before = link.consumed;
    await link.run(40_000);
    expect((link.consumed - before) / (30 * options.bytesPerSecond)).toBeGreaterThan(0.6);
    expect(link.sessions[1]?.turn.sentBytes).toBeLessThanOrEqual(2 * MOST_WINDOW_BYTES);
  });
});

test("the window is as large as it may be where the link is far and fast, and small where it is slow", async () => {
  const fast = new Link({ bytesPerSecond: 1e9, delayMs: 250 });
  await fast.run(20_000);
  expect(fast.turns.windowBytes).toBe(MOST_WINDOW_BYTES);
  const slow = new Link({ bytesPerSecond: 2_000, delayMs: 10 });
  await slow.run(60_000);
  expect(slow.turns.windowBytes).toBeLessThan(2 * LEAST_WINDOW_BYTES);
});

test("a session with nothing under way may always send, and one that leaves gives its place", async () => {
  const turns = new Turns(() => 0);
  const fill = (turn: Turn): Promise<void> => {
    for (;;) {
      const wait = turn.mayGo();
      if (wait !== null) return wait;
      turn.sent(turn.frameBytes());
    }
  };
  const [first, second] = [turns.join(), turns.join()];
  void fill(first);
  const waiting = fill(second);
  expect(second.sentBytes).toBeGreaterThan(0);
  first.leave();
  await waiting;
});
