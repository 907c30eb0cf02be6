// One window for all sessions of a link, which they use in turn. Each has at most its share under
// way, so that one whose reader stands still does not hold up the others; what such a reader has
// not consumed lies with the reader, not on the link, and does not count. A session with nothing
// under way may always send a frame.

import { FRAME_DATA_BYTES } from "./frame.ts";
import { LinkWindow } from "./link-window.ts";

/** The least share, and the least that is acknowledged soon (session-end.ts). */
export const SHARE_LEAST_BYTES = 1024;
/** A reader that says nothing for so long stands still. */
const STILL_AFTER_MS = 5_000;

interface Sent {
  /** The bytes sent up to its end. */
  readonly end: number;
  readonly atMs: number;
}

interface Waiting {
  readonly turn: Turn;
  readonly go: () => void;
}

export class Turns {
  readonly #window = new LinkWindow();
  readonly #nowMs: () => number;
  readonly #turns = new Set<Turn>();
  /** In the order in which they asked; a session may ask for several of its channels. */
  #waiting: readonly Waiting[] = [];
  #isLimit = false;

  /** `nowMs`: of a clock that never goes back. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get windowBytes(): number {
    return this.#window.bytes;
  }

  join(): Turn {
    const turn = new Turn({
      mayGo: (asking) => this.#wait(asking),
      frameBytes: () => Math.min(FRAME_DATA_BYTES, Math.max(SHARE_LEAST_BYTES, Math.floor(this.#shareBytes() / 2))),
      nowMs: this.#nowMs,
      acknowledged: (delayMs) => this.#acknowledged(delayMs),
      leave: (leaving) => this.#leave(leaving),
    });
    this.#turns.add(turn);
    return turn;
  }

  /** Who stands still is seen by looking, now and then. */
  look(): void {
    this.#waiting = this.#waiting.filter(({ turn, go }) => {
      if (!this.#may(turn)) return true;
      // Until it has sent, so that the next one does not go in its place.
      turn.reserve();
      go();
      return false;
    });
  }

  #wait(turn: Turn): Promise<void> | null {
    if (this.#may(turn)) return null;
    this.#isLimit = true;
    const { promise, resolve: go } = Promise.withResolvers<void>();
    this.#waiting = [...this.#waiting, { turn, go }];
    return promise;
  }

  #may(turn: Turn): boolean {
    if (turn.underWayBytes === 0) return true;
    if (turn.underWayBytes >= this.#shareBytes()) return false;
    const onLink = this.#moving().reduce((bytes, { underWayBytes }) => bytes + underWayBytes, 0);
    return onLink < this.#window.bytes;
  }

  #shareBytes(): number {
    return Math.max(SHARE_LEAST_BYTES, Math.floor(this.#window.bytes / Math.max(1, this.#moving().length)));
  }

  #moving(): readonly Turn[] {
    const stillSinceMs = this.#nowMs() - STILL_AFTER_MS;
    return [...this.#turns].filter(
      (turn) => (turn.underWayBytes > 0 || this.#waiting.some((one) => one.turn === turn)) && turn.oldestAtMs > stillSinceMs,
    );
  }

  #acknowledged(delayMs: number): void {
    this.#window.acknowledged({ delayMs, nowMs: this.#nowMs(), isLimit: this.#isLimit });
    this.#isLimit = this.#waiting.length > 0;
    this.look();
  }

  #leave(turn: Turn): void {
    this.#turns.delete(turn);
    for (const one of this.#waiting) if (one.turn === turn) one.go();
    this.#waiting = this.#waiting.filter((one) => one.turn !== turn);
    this.look();
  }
}

interface TurnOptions {
  readonly mayGo: (turn: Turn) => Promise<void> | null;
  readonly frameBytes: () => number;
  readonly nowMs: () => number;
  readonly acknowledged: (delayMs: number) => void;
  readonly leave: (turn: Turn) => void;
}

/** What one session sends. */
export class Turn {
  readonly #options: TurnOptions;
  #sent = 0;
  #consumed = 0;
  #frames: Sent[] = [];
  #reserved = 0;

  constructor(options: TurnOptions) {
    this.#options = options;
  }

  get sentBytes(): number {
    return this.#sent;
  }

  get underWayBytes(): number {
    return this.#sent - this.#consumed + this.#reserved;
  }

  /** When the oldest frame that is under way was sent; Infinity: none is. */
  get oldestAtMs(): number {
    return this.#frames[0]?.atMs ?? Infinity;
  }

  /** How long a frame may be now. */
  frameBytes(): number {
    return this.#options.frameBytes();
  }

  /** Null: at once. Resolves, too, when it leaves. */
  mayGo(): Promise<void> | null {
    return this.#options.mayGo(this);
  }

  reserve(): void {
    this.#reserved += this.frameBytes();
  }

  sent(bytes: number): void {
    this.#reserved = Math.max(0, this.#reserved - this.frameBytes());
    this.#sent += bytes;
    this.#frames.push({ end: this.#sent, atMs: this.#options.nowMs() });
  }

  /** `bytes`: all that were consumed so far; a word that was lost does no harm. */
  consumed(bytes: number): void {
    if (bytes <= this.#consumed || bytes > this.#sent) return;
    this.#consumed = bytes;
    const last = this.#frames.findLast(({ end }) => end <= bytes);
    this.#frames = this.#frames.filter(({ end }) => end > bytes);
    if (last !== undefined) this.#options.acknowledged(this.#options.nowMs() - last.atMs);
  }

  leave(): void {
    this.#options.leave(this);
  }
}
