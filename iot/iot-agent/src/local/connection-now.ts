// How the connection to NATS stands, for the person at the device and for systemd: the last state
// that messaging reported.

import { EventEmitter } from "node:events";
import type { LocalConnection } from "@iot/contracts";
import type { ConnectionState } from "@iot/messaging/device";

export class ConnectionNow {
  readonly events = new EventEmitter<{ changed: [] }>();
  #state: ConnectionState;

  constructor(servers: readonly string[]) {
    const server = servers.join(", ");
    this.#state = { kind: "connecting", server, sinceMonotonicMs: performance.now(), message: `connecting to NATS at ${server}` };
  }

  get state(): ConnectionState {
    return this.#state;
  }

  become(state: ConnectionState): void {
    this.#state = state;
    this.events.emit("changed");
  }

  shown(): LocalConnection {
    const { kind, server, message, sinceMonotonicMs } = this.#state;
    const since = new Date(Date.now() - (performance.now() - sinceMonotonicMs)).toISOString();
    return { state: kind, server, reason: this.#state.kind === "disconnected" ? this.#state.reason : null, message, since };
  }
}
