// The connection to NATS: made in a loop of our own that says why it is not made yet, kept for ever afterwards, and watched. The client's
// `waitOnFirstConnect` and its reconnect are silent about wrong passwords, refused ports and unknown names, so while a connection
// is lost a second one is tried now and then, only to hear the reason. Loads neither JetStream nor the KV library: they
// would cost the device 8 MB (docs/adr/0003).

import { Socket } from "node:net";
import { abortable, backoffMs, type Log, systemClock } from "@harmony/runtime";
import type { DeviceId } from "@iot/contracts";
import { errors, type NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { type ConnectionState, explainConnectError, shownServers } from "./connection-state.ts";
import { MessagingError } from "./messaging-error.ts";
import { createReconnectPacing } from "./reconnect-pacing.ts";
import { Replies } from "./replies.ts";

export interface ConnectOptions {
  /** `nats://host:port`; a host with several addresses is tried at each. */
  readonly servers: readonly string[];
  readonly user?: string | undefined;
  readonly pass?: string | undefined;
  /** Shown by the server's monitoring. */
  readonly name: string;
  /** Replies come to `_INBOX_<device>`, so that one device cannot read another's. */
  readonly device?: DeviceId | undefined;
  readonly log: Log;
  /** Ends the attempts to connect; a connection that was made is ended by `close`. */
  readonly signal: AbortSignal;
  readonly onState?: (state: ConnectionState) => void;
  /**
   * 20 s: a half-open connection is found after three, in a minute rather than in six. Who writes something acknowledged more often
   * than that may ping seldom: an answer that does not come is found sooner (`doubt`).
   */
  readonly pingIntervalMs?: number;
  /** How long one attempt may take: 10 s. */
  readonly timeoutMs?: number;
}

export interface Messaging {
  readonly connection: NatsConnection;
  readonly replies: Replies;
  state(): ConnectionState;
  /** Aborted when the present connection is lost: what was asked on it is not answered any more. */
  lost(): AbortSignal;
  /** Called once for a connection that came back, however often it was tried or flapped. Returns what ends that. */
  onReconnect(callback: () => void): () => void;
  /** No answer came in time: the connection proves that it is alive, or is given up for a new one. */
  doubt(): void;
  close(): Promise<void>;
}

const PINGS_OUTSTANDING = 2;
const RECONNECT_SETTLE_MS = 100;
const PROOF_WITHIN_MS = 5_000;
const STALE_GRACE_MS = 3_000;
const DIAGNOSE_AFTER_MS = 3_000;
const DIAGNOSE_MAX_MS = 60_000;

/** Resolves when connected; rejects with the signal's reason when that is aborted, and for nothing else. */
export async function connectMessaging(options: ConnectOptions): Promise<Messaging> {
  const { log, signal } = options;
  let said = "";
  for (let attempt = 1; ; attempt++) {
    try {
      return await open(options);
    } catch (error) {
      signal.throwIfAborted();
      const state = explainConnectError(error, options);
      if (state.message !== said) {
        said = state.message;
        options.onState?.(state);
        log.warn(state.message, { reason: state.reason });
      }
      await abortable(systemClock.sleep(backoffMs(attempt, { baseMs: 500, maxMs: 15_000 }), signal), signal);
    }
  }
}

async function open(options: ConnectOptions): Promise<Messaging> {
  let connection: NatsConnection | undefined;
  const pacing = createReconnectPacing(() => connection?.getServers()[0]?.lastConnect ?? 0, systemClock);
  const dialling = connect({
    ...settings(options),
    maxReconnectAttempts: -1,
    // Else two refusals in a row close the client for ever.
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler: pacing.delayMs,
  });
  try {
    connection = await abortable(dialling, options.signal);
  } catch (error) {
    if (options.signal.aborted) void dialling.then((late) => late.close()).catch(() => undefined);
    throw error;
  }
  pacing.connected();
  return new WatchedConnection(connection, options, pacing.connected);
}

function settings(options: ConnectOptions) {
  const { servers, user, pass, name, device, pingIntervalMs = 20_000, timeoutMs = 10_000 } = options;
  return {
    servers: [...servers],
    name,
    timeout: timeoutMs,
    pingInterval: pingIntervalMs,
    maxPingOut: PINGS_OUTSTANDING,
    noAsyncTraces: true,
    ...(user === undefined ? {} : { user }),
    ...(pass === undefined ? {} : { pass }),
    ...(device === undefined ? {} : { inboxPrefix: inboxPrefix(device) }),
  };
}

class WatchedConnection implements Messaging {
  readonly connection: NatsConnection;
  readonly replies: Replies;
  readonly #options: ConnectOptions;
  readonly #connected: () => void;
  readonly #callbacks = new Set<() => void>();
  readonly #refused = new Set<string>();
  #state: ConnectionState;
  #present = new AbortController();
  #settle: NodeJS.Timeout | undefined;
  #stale: NodeJS.Timeout | undefined;
  #proof: NodeJS.Timeout | undefined;
  #diagnosis: AbortController | null = null;

  constructor(connection: NatsConnection, options: ConnectOptions, connected: () => void) {
    this.connection = connection;
    this.#options = options;
    this.#connected = connected;
    this.replies = new Replies(connection, options.device === undefined ? null : inboxPrefix(options.device));
    this.#state = { kind: "disconnected", reason: "NotConnected", message: "" };
    this.#become({ kind: "connected", server: connection.getServer() });
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

  doubt(): void {
    if (this.#proof !== undefined || this.#state.kind === "disconnected") return;
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
    clearTimeout(this.#proof);
    clearTimeout(this.#settle);
    clearTimeout(this.#stale);
    this.#diagnosis?.abort(new Error("closed"));
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
          // With its socket's buffer full the client waits for ever to write one more time before it lets go (measured).
          this.#stale = setTimeout(() => socketOf(this.connection)?.destroy(), STALE_GRACE_MS);
          break;
        case "error":
          this.#tellRefusal(status.error);
          break;
        default:
      }
    }
    this.#diagnosis?.abort(new Error("closed"));
    const message = `the connection to NATS at ${shownServers(this.#options)} is closed`;
    this.#state = { kind: "disconnected", reason: "NotConnected", message };
    this.#present.abort(new MessagingError("NotConnected", message));
  }

  #become(state: ConnectionState): void {
    const before = this.#state;
    this.#state = state;
    if (state.kind === "disconnected" && before.kind === "disconnected" && before.message === state.message) return;
    if (state.kind === "connected") this.#options.log.info("connected to NATS", { server: state.server });
    else this.#options.log.warn(state.message, { reason: state.reason });
    this.#options.onState?.(state);
  }

  #lost(): void {
    const message = `lost the connection to NATS at ${shownServers(this.#options)}; trying again`;
    this.#become({ kind: "disconnected", reason: "NotConnected", message });
    this.#present.abort(new MessagingError("NotConnected", message));
    this.#diagnosis?.abort(new Error("lost again"));
    this.#diagnosis = new AbortController();
    void this.#diagnose(this.#diagnosis.signal);
  }

  #back(): void {
    this.#diagnosis?.abort(new Error("connected"));
    this.#diagnosis = null;
    this.#connected();
    this.#refused.clear();
    this.#present = new AbortController();
    this.#become({ kind: "connected", server: this.connection.getServer() });
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => {
      for (const callback of this.#callbacks) callback();
    }, RECONNECT_SETTLE_MS);
  }

  /** Hears from a connection of its own why the client does not come back. Never rejects. */
  async #diagnose(signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await systemClock.sleep(backoffMs(attempt, { baseMs: DIAGNOSE_AFTER_MS, maxMs: DIAGNOSE_MAX_MS }), signal);
        const probe = await connect({ ...settings(this.#options), reconnect: false });
        await probe.close();
      } catch (error) {
        if (signal.aborted) return;
        this.#become(explainConnectError(error, this.#options));
      }
    }
  }

  /** A subject that NATS does not permit is told once a connection: whoever asked gets its own error, a subscription gets nothing. */
  #tellRefusal(error: Error): void {
    if (!(error instanceof errors.PermissionViolationError)) return;
    this.replies.refuse(error);
    const { operation, subject } = error;
    if (this.#refused.has(`${operation} ${subject}`)) return;
    this.#refused.add(`${operation} ${subject}`);
    this.#options.log.warn("NATS does not permit a subject to this user", { operation, subject });
  }
}

function inboxPrefix(device: DeviceId): string {
  return `_INBOX_${device}`;
}

/** The client shows its socket to nobody; there is no other way to end one that hangs. */
function socketOf(connection: NatsConnection): Socket | null {
  const socket = ["protocol", "transport", "socket"].reduce<unknown>(
    (object, key) => (typeof object === "object" && object !== null ? Reflect.get(object, key) : undefined),
    connection,
  );
  return socket instanceof Socket ? socket : null;
}
