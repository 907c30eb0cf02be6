// One dial of NATS, which leaves no socket behind. The client's own transport forgets the socket of
// a dial that timed out, or that was given up, and leaves it open (3.4.0: `_closed` returns early
// while it is not connected): a fleet whose server is slow would hold ever more of them, and the
// server would stay slow. So the transport here keeps hold of its socket and ends it.

import { createConnection, type Socket } from "node:net";
import { abortable } from "@harmony/runtime";
import type { NatsConnection } from "@nats-io/nats-core";
import { NatsConnectionImpl, type NodeConnectionOptions, setTransportFactory } from "@nats-io/transport-node";
import { nodeResolveHost, NodeTransport } from "@nats-io/transport-node/lib/node_transport.js";

type Place = Parameters<NodeTransport["connect"]>[0];

/** The client hands its options on to each transport, with what it does not know. */
interface DialOptions extends NodeConnectionOptions {
  /** Aborted: whoever dials does not wait any more. */
  readonly givenUp?: AbortSignal;
}

/** Rejects with the client's error, or the signal's reason; no socket is open then. */
export async function dial(options: NodeConnectionOptions, signal: AbortSignal): Promise<NatsConnection> {
  const giveUp = new AbortController();
  const withSignal: DialOptions = { ...options, givenUp: giveUp.signal };
  // Given at each dial, for the client's own `connect` gives another.
  setTransportFactory({ factory: () => new ClosingTransport(), dnsResolveFn: nodeResolveHost });
  const dialling = NatsConnectionImpl.connect(withSignal);
  try {
    return await abortable(dialling, signal);
  } catch (error) {
    if (signal.aborted) {
      giveUp.abort(signal.reason);
      void dialling.then((late) => late.close()).catch(() => undefined);
    }
    throw error;
  }
}

class ClosingTransport extends NodeTransport {
  #dialled: Socket | null = null;

  override async connect(place: Place, options: DialOptions): Promise<void> {
    const { givenUp } = options;
    // The client would go on with the next of its servers.
    givenUp?.throwIfAborted();
    const forget = (): void => givenUp?.removeEventListener("abort", this.#end);
    givenUp?.addEventListener("abort", this.#end);
    void this.closed().then(forget, forget);
    try {
      await super.connect(place, options);
    } catch (error) {
      forget();
      throw error;
    }
  }

  override dial({ hostname, port }: Pick<Place, "hostname" | "port">): Promise<Socket> {
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    let failure = new Error("the dial was given up");
    const socket = createConnection(port, hostname, () => {
      socket.removeAllListeners();
      resolve(socket);
    });
    this.#dialled = socket;
    socket.setNoDelay(true);
    socket.on("error", (error) => (failure = error));
    socket.on("close", () => reject(failure));
    return promise;
  }

  override async close(error?: Error): Promise<void> {
    await super.close(error);
    if (!this.connected) this.#end();
  }

  override discard(): void {
    super.discard();
    this.#end();
  }

  /** The socket below a TLS socket. */
  readonly #end = (): void => void this.#dialled?.destroy();
}
