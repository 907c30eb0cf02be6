// Why a connection to NATS is not there, as one sentence that says what and what would mend it. The client's own errors say neither
// which server nor what to do; its reconnect says nothing at all, so connect.ts asks again by a connection of its own.

import { errors } from "@nats-io/nats-core";

export type DisconnectedReason = "Refused" | "WrongCredentials" | "NameNotFound" | "Timeout" | "NotConnected";

export type ConnectionState =
  | { readonly kind: "connected"; readonly server: string }
  | { readonly kind: "disconnected"; readonly reason: DisconnectedReason; readonly message: string };

export interface ConnectionTarget {
  readonly servers: readonly string[];
  readonly user?: string | undefined;
}

export function explainConnectError(error: unknown, target: ConnectionTarget): ConnectionState & { kind: "disconnected" } {
  const [reason, says, mend] = explain(error, target.user);
  return { kind: "disconnected", reason, message: `cannot connect to NATS at ${shownServers(target)}: ${says}; ${mend}` };
}

/** Without the user and password that an address may carry. */
export function shownServers(target: ConnectionTarget): string {
  return target.servers.map((server) => server.replace(/^([a-z]+:\/\/)?[^@/]*@/, "$1")).join(", ");
}

function explain(error: unknown, user: string | undefined): [DisconnectedReason, says: string, mend: string] {
  if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError) {
    return user === undefined
      ? ["WrongCredentials", "the server wants a user and a password", "configure the NATS user and password"]
      : [
          "WrongCredentials",
          `the server refuses the user "${user}" or the password`,
          "put the NATS user and password right, or add the user to the server's configuration",
        ];
  }
  if (error instanceof errors.TimeoutError) return timedOut();
  switch (systemCode(error)) {
    case "ECONNREFUSED":
      return ["Refused", "the connection is refused, nothing listens there", "start nats-server, or put the port right"];
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EAI_NODATA":
      return ["NameNotFound", "the host name cannot be resolved", "put the host name right, or this machine's DNS"];
    case "ETIMEDOUT":
      return timedOut();
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return ["NotConnected", "there is no route to it", "check this machine's network"];
    case "ECONNRESET":
    case "EPIPE":
      return [
        "NotConnected",
        "the connection was closed while it was made",
        "check that a NATS server listens on this port, and whether it wants TLS",
      ];
    default:
      return [
        "NotConnected",
        error instanceof Error && error.message !== "" ? error.message : "it failed without a reason",
        "see the log of nats-server",
      ];
  }
}

function timedOut(): [DisconnectedReason, string, string] {
  return ["Timeout", "no answer in time", "check the network and the firewall between here and the server"];
}

/** The client wraps some errors of the socket and passes others. */
function systemCode(error: unknown): string | undefined {
  for (let inner: unknown = error; inner instanceof Error; inner = inner.cause) {
    if ("code" in inner && typeof inner.code === "string") return inner.code;
    if (inner.message === "connection refused") return "ECONNREFUSED";
  }
  return undefined;
}
