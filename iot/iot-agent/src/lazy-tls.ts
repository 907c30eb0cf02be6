// What takes the place of `node:tls` in the bundle (`--alias`): Node's own, loaded when a server
// first wants it. Loaded at the start it costs 1 MB of private memory, also where nobody uses TLS.

import type { ConnectionOptions, PeerCertificate, TLSSocket as NodeTlsSocket } from "node:tls";
import type * as nodeTls from "node:tls";

let tls: typeof nodeTls | null = null;

/** The two forms that the client uses. */
export function connect(...to: [ConnectionOptions, () => void] | [number, string, ConnectionOptions, () => void]): NodeTlsSocket {
  tls ??= process.getBuiltinModule("node:tls");
  return to.length === 2 ? tls.connect(...to) : tls.connect(...to);
}

export function checkServerIdentity(name: string, certificate: PeerCertificate): Error | undefined {
  tls ??= process.getBuiltinModule("node:tls");
  return tls.checkServerIdentity(name, certificate);
}

/** Only asked whether a socket is one. */
export const TLSSocket = {
  [Symbol.hasInstance]: (socket: unknown): boolean => tls !== null && socket instanceof tls.TLSSocket,
};
