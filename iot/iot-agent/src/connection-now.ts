// How the connection to NATS stands, for whoever at the device wants to know: the last thing that messaging said of it, and since when.

import type { ConnectionState } from "@iot/messaging/device";
import type { LocalConnection } from "./local-api.ts";

export class ConnectionNow {
  #state: ConnectionState;
  #since = new Date().toISOString();

  constructor(servers: readonly string[]) {
    this.#state = { kind: "disconnected", reason: "NotConnected", message: `connecting to NATS at ${servers.join(", ")}` };
  }

  get state(): ConnectionState {
    return this.#state;
  }

  become(state: ConnectionState): void {
    const isSame = state.kind === this.#state.kind && reasonOf(state) === reasonOf(this.#state);
    if (!isSame) this.#since = new Date().toISOString();
    this.#state = state;
  }

  shown(): LocalConnection {
    const state = this.#state;
    const since = this.#since;
    return state.kind === "connected"
      ? { state: "connected", server: state.server, reason: null, message: `connected to NATS ${state.server}`, since }
      : { state: "disconnected", server: null, reason: state.reason, message: state.message, since };
  }
}

function reasonOf(state: ConnectionState): string {
  return state.kind === "connected" ? state.server : state.reason;
}
