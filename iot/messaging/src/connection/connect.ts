// The connection to NATS: made in a loop of our own that says why it is not made yet, kept for ever
// afterwards, and watched. The client's `waitOnFirstConnect` and its reconnect are silent about
// wrong passwords, refused ports and unknown names, so a lost connection is tried once by the
// client, and then by one of our own that hears the reason; when that one gets through, the client
// follows (docs/adr/0021). Every state is reported. Loads neither JetStream nor the KV library:
// they would cost the device 8 MB (docs/adr/0003).

import { Socket } from "node:net";
import { abortable, type Log, systemClock } from "@harmony/runtime";
import type { DeviceId } from "@iot/contracts";
import { errors, type NatsConnection } from "@nats-io/nats-core";
import type { NodeConnectionOptions } from "@nats-io/transport-node";
import type { ConnectionState, ConnectionTarget, Explanation } from "./connection-state.ts";
import { explainConnectError, explainWithoutTrying, shownServers } from "./connection-state.ts";
import { type CredentialSource, DialCredentials } from "./credentials.ts";
import { dial } from "./dial.ts";
import { DialPacer } from "./dial-pacer.ts";
import { MessagingError } from "./messaging-error.ts";
import { createReconnectPacing, type ReconnectPacing } from "./reconnect-pacing.ts";
import { Refusals } from "./refusals.ts";
import { Replies } from "./replies.ts";
import { tlsSettings } from "./tls-settings.ts";

export interface ConnectOptions extends Pick<ConnectionTarget, "settings"> {
  /**
   * `nats://host:port`; a host with several addresses is tried at each. With `tls://`, a server
   * without TLS is not talked to.
   */
  readonly servers: readonly string[];
  /** Asked at each dial; without it nothing is shown to the server. */
  readonly credentials?: CredentialSource | undefined;
  /**
   * PEM of who signs the server's certificate, in place of those that Node knows, read at each
   * attempt: a server without TLS is not talked to.
   */
  readonly caFile?: string | undefined;
  /** The server's monitoring shows it. */
  readonly name: string;
  /** Replies come to `_INBOX_<device>`, so that one device cannot read another's. */
  readonly device?: DeviceId | undefined;
  /** Where replies come to, for whoever is no device and hears this prefix alone. */
  readonly inboxPrefix?: string | undefined;
  readonly log: Log;
  /** Ends the attempts to connect; a connection that was made is ended by `close`. */
  readonly signal: AbortSignal;
  /** Called at every state, the first being `connecting`; at one that lasts, once a reason. */
  readonly onState?: (state: ConnectionState) => void;
  /**
   * 20 s: a half-open connection is found after three, in a minute rather than in six. Who writes
   * something acknowledged more often than that may ping seldom: an answer that does not come is
   * found sooner (`doubt`).
   */
  readonly pingIntervalMs?: number;
  /** How long one attempt may take, from the dial to the server's word: 10 s. */
  readonly timeoutMs?: number | undefined;
}

export interface Messaging {
  readonly connection: NatsConnection;
  readonly replies: Replies;
  /** What NATS does not permit to this user. */
  readonly refusals: Refusals;
  readonly log: Log;
  state(): ConnectionState;
  /** Aborted when the present connection is lost: what was asked on it is not answered any more. */
  lost(): AbortSignal;
  /**
   * Called once for a connection that came back, however often it was tried or flapped. Returns
   * what ends that.
   */
  onReconnect(callback: () => void): () => void;
  /** NATS may refuse this subject without a warning: the caller has another way. */
  mayBeRefused(subject: string): void;
  /** Who this is to NATS; undefined: it says none. */
  user(): string | undefined;
  /**
   * No answer came in time: the connection proves that it is alive, or is given up for a new one.
   */
  doubt(): void;
  close(): Promise<void>;
}

const TIMEOUT_MS = 10_000;
const PINGS_OUTSTANDING = 2;
const RECONNECT_SETTLE_MS = 100;
const PROOF_WITHIN_MS = 5_000;
const STALE_GRACE_MS = 3_000;
/**
 * Longer than the client's own first attempt may wait: a server that was only restarted is not
 * dialled twice by each of a fleet.
 */
const DIAGNOSE_AFTER_MS = 2_000;
const REPORT_EARLY_AFTER_MS = 1_000;

/**
 * Resolves when connected; rejects with the signal's reason when that is aborted, and for nothing
 * else.
 */
export async function connectMessaging(options: ConnectOptions): Promise<Messaging> {
  const { log, signal } = options;
  const about = { server: shownServers(options), sinceMonotonicMs: systemClock.monotonicMs() };
  let said = "";
  const report = ({ reason, message }: Explanation): void => {
    if (message === said) return;
    said = message;
    log.warn(message, { reason });
    options.onState?.({ kind: "disconnected", ...about, reason, message });
  };
  options.onState?.({ kind: "connecting", ...about, message: `connecting to NATS at ${about.server}` });
  const pacer = new DialPacer();
  const credentials = new DialCredentials(options.credentials);
  for (;;) {
    // A network that is down lets an attempt hang, and what a look at it says need not wait for
    // that.
    const early = setTimeout(() => {
      const known = explainWithoutTrying(options);
      if (known !== null) report(known);
    }, REPORT_EARLY_AFTER_MS);
    let isSlow = false;
    try {
      return await open(options, credentials);
    } catch (error) {
      signal.throwIfAborted();
      const explained = explainConnectError(error, { ...options, ...credentials.shown() });
      isSlow = explained.reason === "NoAnswer";
      report(explained);
    } finally {
      clearTimeout(early);
    }
    await pacer.pause(signal, { isSlow });
  }
}

async function open(options: ConnectOptions, credentials: DialCredentials): Promise<Messaging> {
  let connection: NatsConnection | undefined;
  const lastDialMs = (): number => connection?.getServers()[0]?.lastConnect ?? 0;
  const pacing = createReconnectPacing(lastDialMs, systemClock, Math.random, () => credentials.isReady());
  await credentials.ask(options.signal);
  connection = await dial(
    {
      ...settings(options, credentials),
      maxReconnectAttempts: -1,
      // Otherwise two refusals in a row close the client for ever.
      ignoreAuthErrorAbort: true,
      reconnectDelayHandler: pacing.delayMs,
    },
    options.signal,
  );
  pacing.connected();
  return new WatchedConnection({ connection, options, pacing, credentials });
}

function settings(options: ConnectOptions, { authenticator }: DialCredentials): NodeConnectionOptions {
  const { servers, name, pingIntervalMs = 20_000, timeoutMs = TIMEOUT_MS } = options;
  const tls = tlsSettings(options);
  const prefix = ownPrefix(options);
  return {
    servers: [...servers],
    name,
    timeout: timeoutMs,
    pingInterval: pingIntervalMs,
    maxPingOut: PINGS_OUTSTANDING,
    noAsyncTraces: true,
    authenticator,
    ...(tls === undefined ? {} : { tls }),
    ...(prefix === null ? {} : { inboxPrefix: prefix }),
  };
}

interface Watched {
  readonly connection: NatsConnection;
  readonly options: ConnectOptions;
  readonly pacing: ReconnectPacing;
  readonly credentials: DialCredentials;
}

class WatchedConnection implements Messaging {
  readonly connection: NatsConnection;
  readonly replies: Replies;
  readonly refusals: Refusals;
  readonly log: Log;
  readonly #options: ConnectOptions;
  readonly #pacing: ReconnectPacing;
  readonly #credentials: DialCredentials;
  readonly #endRenewals: () => void;
  readonly #callbacks = new Set<() => void>();
  #isForeignAnswerLogged = false;
  #state: ConnectionState;
  #present = new AbortController();
  #settle: NodeJS.Timeout | undefined;
  #stale: NodeJS.Timeout | undefined;
  #proof: NodeJS.Timeout | undefined;
  #recovery: AbortController | null = null;
  #isRenewing = false;

  constructor({ connection, options, pacing, credentials }: Watched) {
    this.connection = connection;
    this.#credentials = credentials;
    this.#endRenewals = credentials.onChange(() => this.#renew());
    this.#options = options;
    this.log = options.log;
    this.refusals = new Refusals(options.log);
    this.#pacing = pacing;
    this.replies = new Replies(connection, ownPrefix(options), (subject) => this.#logForeignAnswer(subject));
    this.#state = this.#connected();
    void this.#watch();
  }

  state(): ConnectionState {
    return this.#state;
  }

  lost(): AbortSignal {
    return this.#present.signal;
  }

  onReconnect(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  mayBeRefused(subject: string): void {
    this.refusals.mayBe(subject);
  }

  user(): string | undefined {
    return this.#credentials.shown().user;
  }

  doubt(): void {
    if (this.#proof !== undefined || this.#state.kind !== "connected") return;
    this.#proof = setTimeout(() => socketOf(this.connection)?.destroy(), PROOF_WITHIN_MS);
    const proven = (): void => {
      clearTimeout(this.#proof);
      this.#proof = undefined;
    };
    // A flush that is cut off by a new connection is proof enough, too.
    this.connection.flush().then(proven, proven);
  }

  async close(): Promise<void> {
    this.#callbacks.clear();
    this.#endRenewals();
    clearTimeout(this.#proof);
    clearTimeout(this.#settle);
    clearTimeout(this.#stale);
    this.#recovery?.abort(new Error("closed"));
    await this.connection.close();
  }

  async #watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      switch (status.type) {
        case "disconnect":
          clearTimeout(this.#proof);
          this.#proof = undefined;
          clearTimeout(this.#stale);
          clearTimeout(this.#settle);
          this.#lost();
          break;
        case "reconnect":
          this.#back();
          break;
        case "staleConnection":
          // With its socket's buffer full the client waits for ever to write one more time before
          // it lets go (measured).
          this.#stale = setTimeout(() => socketOf(this.connection)?.destroy(), STALE_GRACE_MS);
          break;
        case "error":
          if (!(status.error instanceof errors.PermissionViolationError)) break;
          this.replies.refuse(status.error);
          this.refusals.tell(status.error);
          break;
        default:
      }
    }
    this.#recovery?.abort(new Error("closed"));
    const server = shownServers(this.#options);
    const message = `the connection to NATS at ${server} is closed`;
    this.#state = { kind: "disconnected", server, sinceMonotonicMs: systemClock.monotonicMs(), reason: "Lost", message };
    this.#present.abort(new MessagingError("NotConnected", message));
  }

  #connected(): ConnectionState {
    const server = this.connection.getServer();
    const message = `connected to NATS ${server}`;
    this.#state = { kind: "connected", server, sinceMonotonicMs: systemClock.monotonicMs(), message };
    this.#options.log.info("connected to NATS", { server });
    this.#options.onState?.(this.#state);
    return this.#state;
  }

  #disconnected({ reason, message }: Explanation): void {
    const before = this.#state;
    if (before.kind === "disconnected" && before.message === message) return;
    const sinceMonotonicMs = before.kind === "disconnected" ? before.sinceMonotonicMs : systemClock.monotonicMs();
    this.#state = { kind: "disconnected", server: shownServers(this.#options), sinceMonotonicMs, reason, message };
    this.#options.log.warn(message, { reason });
    this.#options.onState?.(this.#state);
  }

  #lost(): void {
    const message = `lost the connection to NATS at ${shownServers(this.#options)}; trying again`;
    if (!this.#isRenewing) this.#disconnected(explainWithoutTrying(this.#options) ?? { reason: "Lost", message });
    this.#isRenewing = false;
    this.#present.abort(new MessagingError("NotConnected", message));
    this.#recovery?.abort(new Error("lost again"));
    this.#recovery = new AbortController();
    this.#recover(this.#recovery.signal).catch(() => undefined);
  }

  /** Another credential is there: a new connection, which is no loss to report. */
  #renew(): void {
    if (this.#state.kind !== "connected") return;
    this.#isRenewing = true;
    this.connection.reconnect().catch(() => undefined);
  }

  #back(): void {
    this.#recovery?.abort(new Error("connected"));
    this.#recovery = null;
    this.#isRenewing = false;
    this.#pacing.connected();
    this.refusals.reconnected();
    this.#isForeignAnswerLogged = false;
    this.#present = new AbortController();
    this.#connected();
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => {
      for (const callback of this.#callbacks) callback();
    }, RECONNECT_SETTLE_MS);
  }

  /**
   * Dials by a connection of its own until one gets through, reports why each did not, and then
   * lets the client dial. Each waits for the other, so that a server that is slow holds one socket
   * of this client, not two. Rejects when aborted.
   */
  async #recover(signal: AbortSignal): Promise<never> {
    const pacer = new DialPacer();
    let isSlow = false;
    const explained = (error: unknown): void => {
      signal.throwIfAborted();
      const explanation = explainConnectError(error, { ...this.#options, ...this.#credentials.shown() });
      isSlow = explanation.reason === "NoAnswer";
      this.#disconnected(explanation);
    };
    // The client's own first dial needs it.
    await this.#credentials.ask(signal).catch(explained);
    await systemClock.sleep(DIAGNOSE_AFTER_MS, signal);
    for (;;) {
      await pacer.pause(signal, { isSlow });
      isSlow = false;
      try {
        await this.#credentials.ask(signal);
        await this.#clientDials(signal);
        const probe = await dial({ ...settings(this.#options, this.#credentials), reconnect: false }, signal);
        await probe.close();
        this.#pacing.release(this.connection.getServers().length);
        await this.#clientDials(signal);
      } catch (error) {
        explained(error);
      }
    }
  }

  /**
   * Waits for the end of the dial that the client may make; when it gets through, this is aborted.
   * The client does not say why it does not. @throws TimeoutError when it had no answer.
   */
  async #clientDials(signal: AbortSignal): Promise<void> {
    const { timeoutMs = TIMEOUT_MS } = this.#options;
    const tookMs = await abortable(this.#pacing.still(), signal);
    if (tookMs >= timeoutMs) throw new errors.TimeoutError();
  }

  /** Logged once a connection: whoever sends such answers can send thousands a second. */
  #logForeignAnswer(subject: string): void {
    if (this.#isForeignAnswerLogged) return;
    this.#isForeignAnswerLogged = true;
    this.#options.log.warn("dropped an answer that is not to what was asked: another user of this NATS sends to the replies of this one", {
      subject,
    });
  }
}

/** Null: it replies where everybody does. */
function ownPrefix({ device, inboxPrefix }: ConnectOptions): string | null {
  return inboxPrefix ?? (device === undefined ? null : `_INBOX_${device}`);
}

/** The client shows its socket to nobody; there is no other way to end one that hangs. */
function socketOf(connection: NatsConnection): Socket | null {
  const socket = ["protocol", "transport", "socket"].reduce<unknown>(
    (object, key) => (typeof object === "object" && object !== null ? Reflect.get(object, key) : undefined),
    connection,
  );
  return socket instanceof Socket ? socket : null;
}
