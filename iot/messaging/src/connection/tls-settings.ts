// TLS to NATS: when it is asked for, and whose certificate is taken for the server's.

import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import type { TlsOptions } from "@nats-io/nats-core";
import { type ConnectionTarget, shownServers } from "./connection-state.ts";

/** What the client knows, and what it passes on to Node. */
export type TlsSettings = TlsOptions & { readonly checkServerIdentity: (name: string, certificate: PeerCertificate) => Error | undefined };

/** undefined: TLS where the server wants it. Of the scheme the client itself takes no notice. */
export function tlsSettings({ servers, caFile }: ConnectionTarget): TlsSettings | undefined {
  if (caFile === undefined && !servers.some((server) => server.startsWith("tls://"))) return undefined;
  const hosts = servers.map(hostOf);
  const addresses = hosts.includes("localhost") ? [] : hosts.filter((host) => isIP(host) !== 0);
  return {
    ...(caFile === undefined ? {} : { caFile }),
    // Of a server that is given by its address the client gives Node no name, which then looks for
    // "localhost".
    checkServerIdentity: (name, certificate) => {
      if (name !== "localhost" || addresses.length === 0) return checkServerIdentity(name, certificate);
      const errors = addresses.map((address) => checkServerIdentity(address, certificate));
      return errors.includes(undefined) ? undefined : errors[0];
    },
  };
}

function hostOf(server: string): string {
  return shownServers({ servers: [server] })
    .replace(/:\d+$/, "")
    .replaceAll(/^\[|\]$/g, "");
}
