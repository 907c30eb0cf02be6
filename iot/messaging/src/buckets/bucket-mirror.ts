// All of a bucket's latest entries in memory, kept current by one consumer. The consumer is ordered
// and ours alone: whatever is wrong with it (a gap, silence, a reconnect, a bucket that was
// removed), it is thrown away and everything is read again from the start. To resume where it
// stopped, as the client's own ordered consumer does, would miss what a wiped or restored store
// holds at lower sequences. The server says when another leads the bucket: what is not answered for
// that reason is asked again at once. Values are decoded once, when they arrive. One entry that
// cannot be borne is reported as that one: all devices are heard here, and what is thrown in the
// callback of a subscription ends the reading of the connection.

import { abortable, type Log, systemClock } from "@harmony/runtime";
import { type BucketName, streamName } from "@iot/contracts";
import { type ConsumerInfo, JetStreamApiCodes, type JetStreamManager } from "@nats-io/jetstream";
import { createInbox, Empty, type Msg, type Subscription } from "@nats-io/nats-core";
import type { Messaging } from "../connection/connect.ts";
import { askPersistently } from "./ask-persistently.ts";
import { asBucketError, type BucketOptions, ensureBucket, isApiError, openJetStream } from "./ensure-bucket.ts";
import { parseDelivery } from "./delivery.ts";
import { HEARTBEAT_MS, mirrorConsumer } from "./mirror-consumer.ts";
import { MessagingError } from "../connection/messaging-error.ts";
import { onLeaderElected } from "./stream-advisories.ts";

export interface MirroredEntry<Value> {
  /** The sequence; of the marker when the entry was deleted. */
  readonly revision: number;
  readonly writtenAtMs: number;
  /** It says that the key was deleted or purged. */
  readonly isMarker: boolean;
  /** null: a marker, or a value that its listener keeps. */
  readonly value: Value | null;
}

export interface MirrorOptions<Value> extends BucketOptions {
  readonly bucket: BucketName;
  /** Keys of one token alone. */
  readonly onlyTopKeys?: boolean;
  /** Never throws: garbage is a value too. */
  readonly decode: (key: string, data: Uint8Array) => Value;
  /** The value of an entry for which `decode` threw all the same. */
  readonly unreadable: (why: string) => Value;
  /** False: a value lives as long as its listener has it. */
  readonly keepsValues?: boolean;
  /** An entry is new, or another than before; null: the store has lost it without a marker. */
  readonly onEntry?: (key: string, entry: MirroredEntry<Value> | null) => void;
  /** A hint: what failed a moment ago may succeed now, for another server leads the bucket. */
  readonly onLeader?: () => void;
}

interface Session<Value> {
  readonly entries: Map<string, MirroredEntry<Value>>;
  readonly subscription: Subscription;
  readonly consumer: string;
  /** The highest sequence that an entry has. */
  lastRevision: number;
  /** The consumer's own number of the last message; a gap breaks the session. */
  delivered: number;
  lastHeardMs: number;
  /** Turns of the watchdog since the last message. */
  silentTurns: number;
  /** Aborted: it is broken. */
  readonly ended: AbortController;
  complete: boolean;
  wake: () => void;
}

/** A consumer whose server was killed is silent before the servers have elected another leader. */
const SILENT_TURNS = 3;
const UNFOLLOWED_MS = 15_000;
const RECHECK_MS = 1_000;
/** Looks that bring nothing new, before a reading is given up. */
const FRUITLESS_LOOKS = 30;
/** In one turn; the next one has the others. */
const MARKERS_AT_ONCE = 1_000;

export async function openBucketMirror<Value>(messaging: Messaging, options: MirrorOptions<Value>): Promise<BucketMirror<Value>> {
  const jsm = await openJetStream(messaging);
  await ensureBucket(jsm, options.bucket, options);
  return new BucketMirror(messaging, jsm, options);
}

export class BucketMirror<Value> {
  readonly #messaging: Messaging;
  readonly #jsm: JetStreamManager;
  readonly #options: MirrorOptions<Value>;
  readonly #stream: string;
  readonly #log: Log;
  readonly #watchdog: NodeJS.Timeout;
  readonly #forgetReconnect: () => void;
  readonly #endAdvisories: () => void;
  #session: Session<Value> | null = null;
  #opening: Promise<Session<Value>> | null = null;
  /** Its consumer is being added. */
  #begun: Session<Value> | null = null;
  /** What the last complete session held, to find what is new. */
  #known: ReadonlyMap<string, MirroredEntry<Value>> = new Map();
  /** When the bucket was last followed to its end. */
  #followedMs: number | null = null;
  #serverAheadMs = 0;
  #isWatched = false;
  #isLooking = false;
  #closed = false;

  constructor(messaging: Messaging, jsm: JetStreamManager, options: MirrorOptions<Value>) {
    this.#messaging = messaging;
    this.#jsm = jsm;
    this.#options = options;
    this.#stream = streamName(options.bucket);
    this.#log = options.log.with({ bucket: options.bucket });
    this.#watchdog = setInterval(() => this.#lookAfter(), HEARTBEAT_MS).unref();
    this.#forgetReconnect = messaging.onReconnect(() => {
      this.#discard(this.#session);
      this.#lookAfter();
    });
    this.#endAdvisories = onLeaderElected(messaging, options.bucket, () => this.#followLeader());
  }

  /**
   * Everything that the bucket held when this was called, or later. @throws MessagingError, or the
   * signal's reason.
   */
  async current(signal: AbortSignal): Promise<ReadonlyMap<string, MirroredEntry<Value>>> {
    this.#isWatched = true;
    let fruitless = 0;
    let last: { readonly session: Session<Value>; readonly delivered: number } | null = null;
    for (;;) {
      const session = await abortable(this.#live(), signal);
      if (await abortable(this.#isCurrent(session), signal)) return session.entries;
      // Looks are counted, and no time: while this process is busy, what has arrived is not read.
      fruitless = last?.session === session && last.delivered < session.delivered ? 0 : fruitless + 1;
      last = { session, delivered: session.delivered };
      if (fruitless >= FRUITLESS_LOOKS) {
        this.#discard(session);
        throw new MessagingError("Timeout", `failed to read bucket "${this.#options.bucket}": its entries do not arrive`);
      }
      if (!isBroken(session)) await abortable(progress(session), signal);
    }
  }

  /**
   * Where the entries of `current` stand now: an entry of a higher revision comes after this. null:
   * they have been thrown away, and are read again.
   */
  mark(entries: ReadonlyMap<string, MirroredEntry<Value>>): number | null {
    return this.#session?.entries === entries && !isBroken(this.#session) ? this.#session.lastRevision : null;
  }

  /** The server's clock. */
  nowMs(): number {
    return systemClock.now() + this.#serverAheadMs;
  }

  /** Why what is known may not be what the bucket holds; null: it was followed a moment ago. */
  problem(): string | null {
    if (this.#followedMs === null) return `bucket "${this.#options.bucket}" is not read yet`;
    const silentMs = systemClock.monotonicMs() - this.#followedMs;
    if (silentMs <= UNFOLLOWED_MS) return null;
    return `bucket "${this.#options.bucket}" has not been followed for ${Math.round(silentMs / 1_000)} s`;
  }

  /** An entry went without a marker: all is read again. */
  readAgain(): void {
    this.#discard(this.#session);
  }

  /** Whether this is what was last heard of the key. */
  isMarker(key: string, revision: number): boolean {
    const entry = this.#session?.entries.get(key);
    return entry?.isMarker === true && entry.revision === revision;
  }

  /**
   * Purges markers that are older than this, and resolves with their number. What was written over
   * one stays. Whoever follows the bucket has heard it, and who reads the bucket anew finds
   * nothing, which is the same. `mayRise`: keys that do no harm when the entry before the marker
   * comes back, as it does when the server is killed afterwards (seen on 2.15.1). @throws
   * MessagingError, or the signal's reason.
   */
  async purgeMarkers(olderThanMs: number, mayRise: (key: string) => boolean, signal: AbortSignal): Promise<number> {
    await this.current(signal);
    const entries = this.#session?.entries ?? new Map<string, MirroredEntry<Value>>();
    const before = this.nowMs() - olderThanMs;
    const isOld = ([key, { isMarker, writtenAtMs }]: [string, MirroredEntry<Value>]): boolean =>
      isMarker && writtenAtMs < before && mayRise(key);
    const old = [...entries].filter(isOld).slice(0, MARKERS_AT_ONCE);
    for (const [key, { revision }] of old) {
      const purging = this.#jsm.streams.purge(this.#stream, { filter: `$KV.${this.#options.bucket}.${key}`, seq: revision + 1 });
      await abortable(abortable(purging, this.#messaging.lost()), signal).catch((error: unknown) => {
        throw asBucketError(error, `failed to purge a marker of bucket "${this.#options.bucket}"`);
      });
      if (entries.get(key)?.revision !== revision) continue;
      entries.delete(key);
      this.#publish(key, null);
    }
    return old.length;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#watchdog);
    this.#forgetReconnect();
    this.#endAdvisories();
    const session = this.#session;
    this.#discard(session);
    if (session === null || this.#messaging.state().kind === "disconnected") return;
    // If it fails, the server removes the consumer by itself, for nobody listens to it.
    await abortable(this.#jsm.consumers.delete(this.#stream, session.consumer), this.#messaging.lost()).catch(() => undefined);
  }

  async #isCurrent(session: Session<Value>): Promise<boolean> {
    if (isBroken(session)) return false;
    let info: ConsumerInfo;
    try {
      const asking = askPersistently(() => this.#jsm.consumers.info(this.#stream, session.consumer));
      info = await abortable(asking, AbortSignal.any([session.ended.signal, this.#messaging.lost()]));
    } catch (error) {
      if (isBroken(session)) return false;
      this.#discard(session);
      if (isApiError(error, JetStreamApiCodes.ConsumerNotFound) || isApiError(error, JetStreamApiCodes.StreamNotFound)) return false;
      throw asBucketError(error, `failed to read bucket "${this.#options.bucket}"`);
    }
    this.#setClock(info.ts);
    if (isBroken(session) || info.num_pending > 0 || session.delivered < info.delivered.consumer_seq) return false;
    this.#finish(session);
    this.#followedMs = systemClock.monotonicMs();
    return true;
  }

  /** Its consumer goes on, unless it was the dead server's and falls silent. */
  #followLeader(): void {
    const { bucket, onLeader } = this.#options;
    const why = `failed to write to bucket "${bucket}": another server leads it now, and nobody answers what was sent to the one before`;
    this.#messaging.replies.giveUp(`$KV.${bucket}.`, new MessagingError("Timeout", why));
    onLeader?.();
  }

  #setClock(serverTime: string | undefined): void {
    if (serverTime !== undefined) this.#serverAheadMs = Date.parse(serverTime) - systemClock.now();
  }

  /**
   * A session that is complete shows what vanished without a marker: the store was wiped, or an
   * older copy was put back.
   */
  #finish(session: Session<Value>): void {
    if (session.complete) return;
    session.complete = true;
    const before = this.#known;
    this.#known = session.entries;
    for (const key of before.keys()) {
      if (!session.entries.has(key)) this.#publish(key, null);
    }
  }

  /**
   * Replaces, unasked, a session that broke or fell silent, so that changes are
   * still published.
   */
  #lookAfter(): void {
    if (this.#closed || !this.#isWatched || this.#messaging.state().kind === "disconnected") return;
    // A consumer may be given to a server that is dead, and is never heard of then.
    const session = this.#session ?? this.#begun;
    // It counts turns of the loop, between which all that had arrived is read: a process that was
    // busy for a minute has heard nothing meanwhile, though the server spoke.
    if (session !== null && ++session.silentTurns > SILENT_TURNS) this.#discard(session);
    if (this.#session?.complete === true || this.#isLooking) return;
    this.#isLooking = true;
    this.current(AbortSignal.timeout(UNFOLLOWED_MS))
      .catch((error: unknown) => this.#log.warn("failed to follow bucket", { error }))
      .finally(() => (this.#isLooking = false));
  }

  #live(): Promise<Session<Value>> {
    if (this.#session !== null) return Promise.resolve(this.#session);
    this.#opening ??= this.#open().finally(() => (this.#opening = null));
    return this.#opening;
  }

  async #open(): Promise<Session<Value>> {
    const { bucket } = this.#options;
    const { connection } = this.#messaging;
    if (this.#closed) throw new MessagingError("NotConnected", `failed to read bucket "${bucket}": it was closed`);
    const state = this.#messaging.state();
    if (state.kind === "disconnected") throw new MessagingError("NotConnected", `failed to read bucket "${bucket}": ${state.message}`);
    const lost = this.#messaging.lost();
    this.#setClock((await abortable(ensureBucket(this.#jsm, bucket, this.#options), lost)).ts);
    const inbox = createInbox();
    const session: Session<Value> = {
      entries: new Map(),
      subscription: connection.subscribe(inbox, {
        callback: (error, message) => (error === null ? this.#receive(session, message) : this.#discard(session)),
      }),
      consumer: inbox.slice(inbox.lastIndexOf(".") + 1),
      lastRevision: 0,
      delivered: 0,
      lastHeardMs: systemClock.monotonicMs(),
      silentTurns: 0,
      ended: new AbortController(),
      complete: false,
      wake: () => undefined,
    };
    this.#begun = session;
    const config = mirrorConsumer(this.#options, session.consumer, inbox);
    try {
      const adding = askPersistently(() => this.#jsm.consumers.add(this.#stream, config));
      await abortable(adding, AbortSignal.any([session.ended.signal, lost]));
      this.#session = session;
    } catch (error) {
      // Whoever waits for it looks, and opens another.
      if (isBroken(session)) return session;
      this.#discard(session);
      throw asBucketError(error, `failed to read bucket "${bucket}"`);
    } finally {
      this.#begun = null;
    }
    return session;
  }

  #discard(session: Session<Value> | null): void {
    if (session === null) return;
    session.ended.abort();
    if (!session.subscription.isClosed()) session.subscription.unsubscribe();
    session.wake();
    if (this.#session === session) this.#session = null;
  }

  #receive(session: Session<Value>, message: Msg): void {
    if (isBroken(session)) return;
    session.lastHeardMs = systemClock.monotonicMs();
    session.silentTurns = 0;
    const delivery = message.reply === undefined ? null : parseDelivery(message.reply);
    if (delivery === null) {
      this.#obey(session, message);
      // A heartbeat says that nothing is left to send.
      if (session.complete && !isBroken(session)) this.#followedMs = session.lastHeardMs;
      return;
    }
    if (delivery.consumerSequence !== session.delivered + 1) {
      this.#discard(session);
      return;
    }
    session.delivered = delivery.consumerSequence;
    const key = message.subject.slice(`$KV.${this.#options.bucket}.`.length);
    const operation = message.headers?.get("KV-Operation") ?? "";
    const isMarker = operation === "DEL" || operation === "PURGE" || (message.headers?.has("Nats-Marker-Reason") ?? false);
    const entry: MirroredEntry<Value> = {
      revision: delivery.streamSequence,
      writtenAtMs: delivery.writtenAtMs,
      isMarker,
      value: isMarker ? null : this.#decode(key, message.data),
    };
    const before = (session.complete ? session.entries : this.#known).get(key);
    session.entries.set(key, entry);
    session.lastRevision = Math.max(session.lastRevision, entry.revision);
    if (before === undefined || before.revision !== entry.revision || before.writtenAtMs !== entry.writtenAtMs) this.#publish(key, entry);
    // Whoever hears of each entry keeps what it needs of it.
    if (this.#options.keepsValues === false) session.entries.set(key, { ...entry, value: null });
    if (delivery.pending > 0) return;
    if (session.complete) this.#followedMs = session.lastHeardMs;
    session.wake();
  }

  #decode(key: string, data: Uint8Array): Value {
    try {
      return this.#options.decode(key, data);
    } catch (error) {
      this.#log.error("failed to read an entry", { key, bytes: data.length, error });
      return this.#options.unreadable(`${data.length} bytes that cannot be read`);
    }
  }

  #publish(key: string, entry: MirroredEntry<Value> | null): void {
    try {
      this.#options.onEntry?.(key, entry);
    } catch (error) {
      this.#log.error("failed to take an entry", { key, error });
    }
  }

  /**
   * What the server says beside entries: it wants an answer before it sends more, it is still
   * there, or the consumer is gone.
   */
  #obey(session: Session<Value>, message: Msg): void {
    const stalled = message.headers?.get("Nats-Consumer-Stalled") ?? "";
    if (message.headers?.code !== 100) this.#discard(session);
    else if (stalled !== "") this.#messaging.connection.publish(stalled, Empty);
    else message.respond();
  }
}

function isBroken({ ended }: { readonly ended: AbortController }): boolean {
  return ended.signal.aborted;
}

async function progress<Value>(session: Session<Value>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, RECHECK_MS);
  session.wake = resolve;
  await promise;
  clearTimeout(timer);
}
