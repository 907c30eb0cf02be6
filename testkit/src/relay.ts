// A TCP relay between a client and a server, for the faults that a network has: delay, a connection
// that is open and silent (half-open: nothing arrives and no side notices), a cut, no one
// listening. It also lets a device reach a server on the host's loopback (listen on the device's
// `hostAddress`).

import { type Server, type Socket, connect, createServer } from "node:net";

export interface RelayOptions {
  readonly target: { readonly host?: string; readonly port: number };
  /** The default is 127.0.0.1. */
  readonly listenHost?: string;
  readonly listenPort?: number;
}

export interface Relay {
  readonly host: string;
  readonly port: number;
  /** The bytes counted here since the start; `up` goes towards the server. */
  readonly bytes: { readonly up: number; readonly down: number };
  connections(): number;
  /** Delays each way, for what arrives from now on. */
  setDelay(delayMs: number): void;
  /**
   * Forwards nothing more, on open and new connections alike, and closes none. Bytes sent meanwhile
   * are lost on `resume`.
   */
  freeze(): void;
  /**
   * Forwards again on new connections. Closes frozen ones, since the bytes lost in them cannot be
   * given back.
   */
  resume(): void;
  /** Closes every connection with a reset, and accepts new ones. */
  cut(): void;
  /** Closes every connection and listens no more, until `listen`. */
  down(): Promise<void>;
  listen(): Promise<void>;
  /** Forwards new connections to another server. */
  retarget(target: RelayOptions["target"]): void;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startRelay(options: RelayOptions): Promise<Relay> {
  const host = options.listenHost ?? "127.0.0.1";
  let port = options.listenPort ?? 0;
  let target = options.target;
  let delayMs = 0;
  let frozen = false;
  let server: Server | undefined;
  const bytes = { up: 0, down: 0 };
  const sockets = new Set<Socket>();

  const forward = (from: Socket, to: Socket, direction: "up" | "down"): void => {
    sockets.add(from);
    // Chunks keep their order when the delay is shortened while some wait.
    let before: Promise<void> = Promise.resolve();
    const later = (deed: () => void): void => {
      const wait = delayMs;
      const due = wait === 0 ? before : Promise.all([before, new Promise((resolve) => setTimeout(resolve, wait))]);
      before = due.then(deed);
    };
    from.on("data", (chunk: Buffer) => {
      if (frozen) return;
      bytes[direction] += chunk.length;
      later(() => {
        if (frozen || to.destroyed) return;
        if (!to.write(chunk)) {
          from.pause();
          to.once("drain", () => from.resume());
        }
      });
    });
    from.on("end", () => later(() => void (frozen || to.end())));
    from.on("error", () => to.destroy());
    from.on("close", () => {
      sockets.delete(from);
      if (!frozen) later(() => to.destroy());
    });
  };
  const accept = (client: Socket): void => {
    const upstream = connect({ host: target.host ?? "127.0.0.1", port: target.port });
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    forward(client, upstream, "up");
    forward(upstream, client, "down");
  };
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const listen = async (): Promise<void> => {
    if (server !== undefined) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const started = createServer({ allowHalfOpen: true }, accept);
    started.once("error", reject);
    started.listen({ host, port }, resolve);
    await promise;
    server = started;
    const address = started.address();
    if (address !== null && typeof address === "object") port = address.port;
  };
  const down = async (): Promise<void> => {
    const ending = server;
    server = undefined;
    cut();
    if (ending !== undefined) await new Promise<void>((resolve) => ending.close(() => resolve()));
  };
  await listen();
  return {
    host,
    get port() {
      return port;
    },
    bytes,
    connections: () => sockets.size / 2,
    setDelay: (ms) => void (delayMs = ms),
    freeze: () => void (frozen = true),
    resume: () => {
      frozen = false;
      cut();
    },
    cut,
    down,
    listen,
    retarget: (to) => void (target = to),
    stop: down,
    [Symbol.asyncDispose]: down,
  };
}
