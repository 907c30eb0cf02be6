// Sends the history to NATS, each transition once and in order, also what happened while NATS was
// away. How far it came is on disk before the next one goes. Each write expects the sequence of the
// one before it: one whose acknowledgement a power cut took is refused the second time, and so is
// known to be there. A server that keeps no history costs a question now and then.

import { join } from "node:path";
import { keepAside, KeyedQueue, type Log, readDurably, systemClock, type Clock, writeFileDurably } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { HISTORY_BURST } from "@iot/contracts";
import { type HistoryWriter, MessagingError } from "@iot/messaging/device";
import * as z from "zod/mini";
import type { History } from "./history.ts";
import { nextEvent, type Now, type Sent } from "./next-event.ts";

export const SENT_FILE = "history-sent.json";

const Kept = z.looseObject({ n: z.int(), sequence: z.nullable(z.int()), upTo: z.nullable(z.int()) });
const NEVER_SENT: Sent = { n: 0, sequence: null, upTo: null };
const EVERY_MS = 1_000;
/** A server of an earlier version, or without the stream. */
const NO_STREAM_AGAIN_MS = 10 * 60_000;

export interface HistorySenderOptions {
  readonly folder: string;
  readonly history: Pick<History, "keptAfter">;
  readonly bootId: string;
  readonly log: Log;
  readonly clock?: Clock;
}

export class HistorySender {
  readonly #options: HistorySenderOptions;
  readonly #clock: Clock;
  readonly #path: string;
  readonly #queue: KeyedQueue<"history">;
  #writer: HistoryWriter | null = null;
  #sent: Sent = NEVER_SENT;
  /** What may be sent at once, and since when that is so. */
  #tokens = HISTORY_BURST;
  #countedAtMs: number;
  #isAbsenceLogged = false;
  #loggedError = "";

  constructor(options: HistorySenderOptions) {
    const { clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#path = join(options.folder, SENT_FILE);
    this.#countedAtMs = clock.monotonicMs();
    this.#queue = new KeyedQueue<"history">({
      handle: (_, signal) => this.#send(signal),
      onError: (_, error) => this.#logError(error),
      clock,
    });
  }

  /** Gives the number of the last transition that was sent. */
  async load(): Promise<number> {
    const read = await readDurably(this.#path, (bytes) => parseJson(Kept, bytes));
    // Without it all that is kept is sent once more.
    if (read.kind === "found") this.#sent = { ...read.value };
    else if (read.kind === "unreadable") await keepAside(this.#path, "unreadable");
    return this.#sent.n;
  }

  /** There is a connection now. Call again when it was lost and is back. */
  attach(writer: HistoryWriter): void {
    this.#writer = writer;
    this.#queue.add("history");
  }

  /** There is more. */
  changed(): void {
    // What the server has no place for waits for the next connection, or its time.
    if (!this.#isAbsenceLogged) this.#queue.add("history");
  }

  close(): Promise<void> {
    return this.#queue.close();
  }

  async #send(signal: AbortSignal): Promise<number | null> {
    const writer = this.#writer;
    if (writer === null) return null;
    const waitMs = this.#waitMs();
    if (waitMs > 0) return waitMs;
    const entries = await this.#options.history.keptAfter(this.#sent.n);
    const next = nextEvent(entries, this.#sent, now(this.#options.bootId));
    if (next === null) return null;
    try {
      await this.#put(next, writer, signal);
    } catch (error) {
      if (!(error instanceof MessagingError) || (error.code !== "NoStore" && error.code !== "PermissionDenied")) throw error;
      if (!this.#isAbsenceLogged)
        this.#options.log.info("this NATS keeps no history of devices: it is kept here, and sent when there is a place for it");
      this.#isAbsenceLogged = true;
      return NO_STREAM_AGAIN_MS;
    }
    this.#isAbsenceLogged = false;
    this.#loggedError = "";
    return 0;
  }

  async #put({ upTo, event }: NonNullable<ReturnType<typeof nextEvent>>, writer: HistoryWriter, signal: AbortSignal): Promise<void> {
    if (event === null) return this.#save({ ...this.#sent, n: upTo, upTo: null });
    if (this.#sent.sequence === null) {
      const last = await writer.last(signal);
      if (last === null) throw new MessagingError("Refused", "NATS does not say which transition it has last");
      await this.#save({ ...this.#sent, sequence: last });
    }
    // What a cut interrupts here is sent with the same bounds the next time.
    if (upTo !== event.n || event.merged !== undefined) await this.#save({ ...this.#sent, upTo });
    const expected = this.#sent.sequence ?? 0;
    const result = await writer.put(event, expected, signal);
    this.#tokens -= 1;
    if (result.ok) return this.#save({ n: upTo, sequence: result.revision, upTo: null });
    if (result.last === undefined) throw new MessagingError("Refused", "NATS has another transition last, and does not say which");
    // Nobody else writes there: it is this one, whose acknowledgement was lost.
    if (result.last > expected) return this.#save({ n: upTo, sequence: result.last, upTo: null });
    // What was there is forgotten, or the stream was made anew.
    await this.#save({ ...this.#sent, sequence: result.last });
  }

  async #save(sent: Sent): Promise<void> {
    await writeFileDurably(this.#path, `${JSON.stringify(sent)}\n`);
    this.#sent = sent;
  }

  /** One a second after a burst. */
  #waitMs(): number {
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(HISTORY_BURST, this.#tokens + (nowMs - this.#countedAtMs) / EVERY_MS);
    this.#countedAtMs = nowMs;
    return this.#tokens >= 1 ? 0 : Math.ceil((1 - this.#tokens) * EVERY_MS);
  }

  /** The connection itself logs that NATS is not reached. */
  #logError(error: unknown): void {
    if (error instanceof MessagingError && error.code === "NotConnected") return;
    const text = String(error);
    if (text === this.#loggedError) return;
    this.#loggedError = text;
    this.#options.log.warn("cannot send the history; trying again", { error });
  }
}

/** The kernel's monotonic clock, the same for each process of a boot: nobody sets it. */
export function now(bootId: string): Now {
  return { bootId, monotonicMs: Number(process.hrtime.bigint() / 1_000_000n) };
}
