// One end of a session; both ends are this code. Bytes of several channels go each way, never more
// than the other end has room for: the receiver says what it has consumed, and the sender waits
// (turns.ts). Each end gives a sign of life, and ends by itself when it hears none, so that nothing
// is left of an end that was killed. A frame that was lost ends the session, which is the user's to
// take up again. How frames travel is the port's.

import { parseJson } from "@harmony/schema";
import { SessionStatus } from "@iot/contracts";
import { type Channel, CHANNELS, decodeFrame, encodeFrame, type Frame } from "./frame.ts";
import { SHARE_LEAST_BYTES, type Turn, type Turns } from "./turns.ts";

export const LEASE_MS = 45_000;
const SIGN_OF_LIFE_MS = 15_000;
/** What is consumed is said at once from the first, and soon from `SHARE_LEAST_BYTES` on. */
const SAID_AT_ONCE_BYTES = 4 * 1024;
const SAID_SOON_MS = 100;
/** No sender of ours has more under way. */
const RECEIVED_MOST_BYTES = 512 * 1024;

const NOTHING = new Uint8Array();
const END_OF_INPUT: Frame = { channel: "close", offset: 0, data: Uint8Array.of(CHANNELS.stdin) };

export type Ended =
  /** The other end has said its last word. */
  | { readonly kind: "status"; readonly status: SessionStatus }
  /** The other end left. */
  | { readonly kind: "closed" }
  /** Nothing was heard of the other end. */
  | { readonly kind: "silent" }
  /** Something was lost on the way. */
  | { readonly kind: "gap" }
  /** The connection was lost. */
  | { readonly kind: "lost" }
  /** This end ended it. */
  | { readonly kind: "left" };

export interface Incoming {
  readonly channel: Channel;
  readonly data: Uint8Array;
}

export interface SessionEndOptions {
  /** One frame is one message. */
  readonly send: (frame: Uint8Array) => void;
  readonly turns: Turns;
  /** Other channels are not taken from the other end. */
  readonly hears: readonly Channel[];
  readonly nowMs: () => number;
}

export class SessionEnded extends Error {
  readonly ended: Ended;
  constructor(ended: Ended) {
    super(`the session has ended: ${ended.kind}`);
    this.ended = ended;
  }
}

export class SessionEnd {
  readonly #options: SessionEndOptions;
  readonly #turn: Turn;
  readonly #received = new Map<Channel, number>();
  readonly #sent = new Map<Channel, number>();
  readonly #over = Promise.withResolvers<Ended>();
  readonly #aborted = new AbortController();
  #queue: Incoming[] = [];
  #wake: (() => void) | null = null;
  #ended: Ended | null = null;
  /** What the other end has sent, and what of it was consumed, and said to be. */
  #receivedBytes = 0;
  #consumedBytes = 0;
  #saidBytes = 0;
  #heardAtMs: number;
  #saidAtMs: number;
  #isHeard = false;
  #isInputOver = false;
  #isOtherInputOver = false;
  #soon: NodeJS.Timeout | undefined;

  constructor(options: SessionEndOptions) {
    this.#options = options;
    this.#turn = options.turns.join();
    this.#heardAtMs = options.nowMs();
    this.#saidAtMs = this.#heardAtMs;
  }

  get ended(): Promise<Ended> {
    return this.#over.promise;
  }

  /** Aborted when it has ended, with a SessionEnded. */
  get signal(): AbortSignal {
    return this.#aborted.signal;
  }

  /** Whether anything came from the other end. */
  get isHeard(): boolean {
    return this.#isHeard;
  }

  /** Each way, of all channels. */
  get bytes(): { readonly sent: number; readonly received: number } {
    return { sent: this.#turn.sentBytes, received: this.#receivedBytes };
  }

  /**
   * What the other end sends, in its order, until it has ended. What was given before is consumed.
   */
  async *incoming(): AsyncGenerator<Incoming> {
    for (;;) {
      const next = this.#queue.shift();
      if (next === undefined) {
        if (this.#ended !== null) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
        continue;
      }
      yield next;
      if (next.channel !== "close") this.#consumed(next.data.length);
    }
  }

  /** Resolves when all is on its way. @throws SessionEnded */
  async write(channel: Channel, data: Uint8Array): Promise<void> {
    for (let from = 0; from < data.length;) {
      const wait = this.#turn.mayGo();
      if (wait !== null) await wait;
      if (this.#ended !== null) throw new SessionEnded(this.#ended);
      const part = data.subarray(from, from + this.#turn.frameBytes());
      this.#send(channel, part);
      from += part.length;
    }
  }

  /** How long a frame may be now. */
  frameBytes(): number {
    return this.#turn.frameBytes();
  }

  /** The last word: what was written before it comes before it. */
  finish(status: SessionStatus): void {
    if (this.#ended !== null) return;
    const data = Buffer.from(JSON.stringify(status));
    this.#emit({ channel: "status", offset: this.#turn.sentBytes, data });
    this.#end({ kind: "left" });
  }

  /** No more of stdin comes from here. */
  endOfInput(): void {
    if (this.#ended !== null) return;
    this.#isInputOver = true;
    this.#emit(END_OF_INPUT);
  }

  /** Leaves. */
  close(): void {
    if (this.#ended !== null) return;
    this.#emit({ channel: "close", offset: 0, data: NOTHING });
    this.#end({ kind: "left" });
  }

  /** It is over without a word to the other end. */
  drop(kind: "lost" | "silent"): void {
    this.#end({ kind });
  }

  /** Says that this end is there, and what it has consumed. */
  say(): void {
    this.#saidBytes = this.#consumedBytes;
    this.#saidAtMs = this.#options.nowMs();
    clearTimeout(this.#soon);
    this.#soon = undefined;
    this.#emit({ channel: "credit", offset: this.#consumedBytes, data: NOTHING });
    // No offset shows that it was lost.
    if (this.#isInputOver) this.#emit(END_OF_INPUT);
  }

  /** To be called every second or so. */
  tick(): void {
    if (this.#ended !== null) return;
    const nowMs = this.#options.nowMs();
    if (nowMs - this.#heardAtMs >= LEASE_MS) this.#end({ kind: "silent" });
    else if (nowMs - this.#saidAtMs >= SIGN_OF_LIFE_MS) this.say();
  }

  receive(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame === null || this.#ended !== null || !this.#options.hears.includes(frame.channel)) return;
    this.#heardAtMs = this.#options.nowMs();
    this.#isHeard = true;
    switch (frame.channel) {
      case "credit":
        return this.#turn.consumed(frame.offset);
      case "close":
        return frame.data.length === 0 ? this.#end({ kind: "closed" }) : this.#inputIsOver(frame);
      case "status":
        return this.#finished(frame);
      default:
        return this.#take(frame);
    }
  }

  #inputIsOver({ data }: Frame): void {
    if (this.#isOtherInputOver) return;
    this.#isOtherInputOver = true;
    this.#push({ channel: "close", data });
  }

  #take({ channel, offset, data }: Frame): void {
    const expected = this.#received.get(channel) ?? 0;
    // It came a second time.
    if (offset < expected) return;
    this.#receivedBytes += data.length;
    if (offset > expected || this.#receivedBytes - this.#consumedBytes > RECEIVED_MOST_BYTES) return this.#end({ kind: "gap" });
    this.#received.set(channel, expected + data.length);
    this.#push({ channel, data });
  }

  #finished({ offset, data }: Frame): void {
    const status = parseJson(SessionStatus, data);
    const isWhole = offset === this.#receivedBytes;
    this.#end(status.ok && isWhole ? { kind: "status", status: status.value } : { kind: "gap" });
  }

  #send(channel: Channel, data: Uint8Array): void {
    const offset = this.#sent.get(channel) ?? 0;
    this.#sent.set(channel, offset + data.length);
    this.#turn.sent(data.length);
    this.#emit({ channel, offset, data });
  }

  #emit(frame: Frame): void {
    try {
      this.#options.send(encodeFrame(frame));
    } catch {
      // The connection is closed, which its owner reports.
      this.#end({ kind: "lost" });
    }
  }

  #push(incoming: Incoming): void {
    this.#queue.push(incoming);
    this.#wake?.();
    this.#wake = null;
  }

  #consumed(bytes: number): void {
    this.#consumedBytes += bytes;
    if (this.#ended !== null) return;
    const unsaid = this.#consumedBytes - this.#saidBytes;
    if (unsaid >= SAID_AT_ONCE_BYTES) this.say();
    else if (unsaid >= SHARE_LEAST_BYTES) this.#soon ??= setTimeout(() => this.say(), SAID_SOON_MS);
  }

  #end(ended: Ended): void {
    if (this.#ended !== null) return;
    this.#ended = ended;
    clearTimeout(this.#soon);
    // What is behind a loss is not whole.
    if (ended.kind !== "status") this.#queue = [];
    this.#turn.leave();
    this.#wake?.();
    this.#wake = null;
    this.#aborted.abort(new SessionEnded(ended));
    this.#over.resolve(ended);
  }
}
