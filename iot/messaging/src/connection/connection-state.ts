// How the connection to NATS stands, as one sentence that says what is wrong, at which of the many
// things between here and there, and what would repair it. The client's own errors say neither
// which server nor what to do. Reading the errors is here; when to try again is dial-pacer.ts's,
// what this machine sees of its own network local-network.ts's.

import { errors } from "@nats-io/nats-core";
import { CredentialsUnavailable } from "./credentials.ts";
import { nameServers, readLocalNetwork } from "./local-network.ts";

export const DISCONNECTED_REASONS = [
  /** No interface has a carrier and an address, or no route leads there. */
  "NetworkDown",
  /** No name server answers. */
  "NameServerDown",
  /** The name servers answer that there is no such name. */
  "NameNotFound",
  "Refused",
  "NoAnswer",
  "WrongCredentials",
  /** What would be shown to the server cannot be had. */
  "CredentialsUnavailable",
  "Tls",
  /** The server's certificate is not valid yet by this machine's clock. */
  "ClockBehind",
  /** Something answers there and closes the connection. */
  "ClosedByPeer",
  /** It was there a moment ago; what is wrong is not known yet. */
  "Lost",
  "ConnectFailed",
] as const;

export type DisconnectedReason = (typeof DISCONNECTED_REASONS)[number];

/**
 * `server`: the addresses it is about, without credentials, as `central:4222`; when connected, the
 * one it is connected to.
 */
interface About {
  readonly server: string;
  /**
   * A time of the monotonic clock (`performance.now()`): a wall clock that is set meanwhile does
   * not make it wrong. `wallClock` converts.
   */
  readonly sinceMonotonicMs: number;
  /** One sentence for a person. */
  readonly message: string;
}

export type ConnectionState =
  | ({ readonly kind: "connecting" } & About)
  | ({ readonly kind: "connected" } & About)
  | ({ readonly kind: "disconnected"; readonly reason: DisconnectedReason } & About);

export interface ConnectionTarget {
  readonly servers: readonly string[];
  readonly user?: string | undefined;
  /** An identity is shown, which a callout beside the server judges. */
  readonly isToken?: boolean;
  readonly caFile?: string | undefined;
  /** Where a person sets what may be wrong, for the sentence: a file, or the environment. */
  readonly settings?: ConnectionSettings | undefined;
}

export interface ConnectionSettings {
  /** Has the user and the password: `[credentials] in /etc/iot-agent/config.toml`. */
  readonly credentials: string;
  /** Has the server's address; absent: who started it has just said it. */
  readonly servers?: string;
}

export interface Explanation {
  readonly reason: DisconnectedReason;
  readonly message: string;
}

/** What is known of this machine, for the sentence; read anew unless given. */
export interface Surroundings {
  readonly networkDown: string | null;
  readonly nameServers: readonly string[];
  readonly now: Date;
}

export function explainConnectError(error: unknown, target: ConnectionTarget, around: Surroundings = lookAround()): Explanation {
  if (error instanceof CredentialsUnavailable)
    return { reason: "CredentialsUnavailable", message: `cannot connect to NATS at ${shownServers(target)}: ${error.message}` };
  const [reason, says, mend] = explain(error, target, around);
  return { reason, message: `cannot connect to NATS at ${shownServers(target)}: ${says}; ${mend}` };
}

/**
 * Before any attempt has failed: null unless this machine's own network is down, and the server is
 * not on this machine.
 */
export function explainWithoutTrying(target: ConnectionTarget, around: Surroundings = lookAround()): Explanation | null {
  if (around.networkDown === null || target.servers.some(isLoopback)) return null;
  const [reason, says, mend] = networkDown(around.networkDown);
  return { reason, message: `cannot connect to NATS at ${shownServers(target)}: ${says}; ${mend}` };
}

/** Without scheme, and without the user and password that an address may carry. */
export function shownServers(target: ConnectionTarget): string {
  return target.servers.map((server) => server.replace(/^[a-z]+:\/\//i, "").replace(/^[^@/]*@/, "")).join(", ");
}

type Explained = readonly [DisconnectedReason, says: string, mend: string];

function lookAround(): Surroundings {
  return { networkDown: readLocalNetwork().down, nameServers: nameServers(), now: new Date() };
}

function explain(error: unknown, target: ConnectionTarget, around: Surroundings): Explained {
  if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError) return refused(target);
  if (target.caFile !== undefined && textOf(error).includes(target.caFile))
    return ["Tls", `its certificate cannot be checked: ${textOf(error)}`, "put the file there, readable for whoever runs this"];
  const { code, hostname } = systemError(error);
  const isOurs = around.networkDown !== null && !target.servers.some(isLoopback);
  if (isOurs && (code === undefined || !ANSWERED.has(code))) return networkDown(around.networkDown);
  if (error instanceof errors.TimeoutError || code === "ETIMEDOUT")
    return [
      "NoAnswer",
      "no answer",
      `check that the server is on, ${target.isToken === true ? "that its auth callout runs, " : ""}and every network, firewall and VPN between here and there`,
    ];
  switch (code) {
    case "ECONNREFUSED":
      return [
        "Refused",
        "the connection is refused: that machine is there, nothing listens on the port",
        `start nats-server there, or put the port right${inFile(target.settings?.servers)}`,
      ];
    case "ENOTFOUND":
    case "EAI_NODATA":
      return [
        "NameNotFound",
        `the name server knows no host "${hostname}"`,
        `put the name right${inFile(target.settings?.servers)}, or add it to the DNS or to /etc/hosts`,
      ];
    case "EAI_AGAIN":
      return nameServerDown(hostname, around.nameServers);
    case "EHOSTUNREACH":
      return [
        "NetworkDown",
        "that machine cannot be reached from this network",
        "check the cable, the address and the gateway, at both ends",
      ];
    case "ENETUNREACH":
    case "ENETDOWN":
    case "EADDRNOTAVAIL":
      return ["NetworkDown", "this machine has no route to it", "give this machine an address and a default gateway in that network"];
    case "ECONNRESET":
    case "EPIPE":
      return [
        "ClosedByPeer",
        "the connection was closed while it was made",
        "check that the port is the one of a NATS server, and its log",
      ];
    default:
      return secured(error, code, around.now) ?? ["ConnectFailed", textOf(error), "see the log of nats-server"];
  }
}

/** These come only through a network that works. */
const ANSWERED: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOTFOUND", "ECONNRESET", "EPIPE"]);

function networkDown(clause: string | null): Explained {
  return ["NetworkDown", clause ?? "", "plug in the cable, join the Wi-Fi, or look at the settings of the network"];
}

function nameServerDown(hostname: string, servers: readonly string[]): Explained {
  const named =
    servers.length === 0 ? "no name server is configured in /etc/resolv.conf" : `no answer from the name server ${servers.join(" or ")}`;
  return [
    "NameServerDown",
    `the name "${hostname}" cannot be looked up: ${named}`,
    "check the name server, or use the server's IP address",
  ];
}

function inFile(place: string | undefined): string {
  return place === undefined ? "" : ` in ${place}`;
}

function refused({ user, isToken, settings }: ConnectionTarget): Explained {
  if (isToken === true) {
    return [
      "WrongCredentials",
      `the server refuses the identity of "${user}": it is disabled, or its grant is missing`,
      "ask the fleet's operator (iot device list); what runs keeps running",
    ];
  }
  return user === undefined
    ? [
        "WrongCredentials",
        "the server wants a user and a password",
        `put the NATS user and password${settings === undefined ? " here" : inFile(settings.credentials).replace(" in ", " into ")}`,
      ]
    : [
        "WrongCredentials",
        `the server refuses the user "${user}" or its password`,
        `put the NATS user and password right${settings === undefined ? " here" : inFile(settings.credentials)}, or add the user to the server's configuration`,
      ];
}

/** What goes wrong while a TLS connection is made: the codes are OpenSSL's and Node's. */
function secured(error: unknown, code: string | undefined, now: Date): Explained | null {
  if (code === "CERT_NOT_YET_VALID")
    return [
      "ClockBehind",
      `by this machine's clock (${dayOf(now)}) the server's certificate is not valid yet`,
      "set the clock, or let it synchronise",
    ];
  if (code === "CERT_HAS_EXPIRED")
    return [
      "Tls",
      `by this machine's clock (${dayOf(now)}) the server's certificate has expired`,
      "renew the certificate, or set the clock",
    ];
  if (error instanceof errors.ConnectionError && error.message.includes("does not support 'tls'"))
    return ["Tls", "the server does not offer TLS", "turn it on there, or use an address that begins with nats://"];
  if (code !== undefined && /^UNABLE_TO|SELF_SIGNED/.test(code))
    return [
      "Tls",
      `TLS fails: whoever signed the server's certificate is not known here (${code})`,
      "name the file with the signer's own certificate: ca_file in [nats], or NATS_CA",
    ];
  if (code !== undefined && /CERT|^ERR_TLS|^ERR_SSL|^EPROTO$/.test(code))
    return ["Tls", `TLS fails: ${textOf(error)}`, "check the server's certificate, and that it is of this name"];
  return null;
}

/** A day is enough to see a clock that is wrong, and stays the same from attempt to attempt. */
function dayOf(now: Date): string {
  return now.toISOString().slice(0, 10);
}

function textOf(error: unknown): string {
  return error instanceof Error && error.message !== "" ? error.message : "it failed without a reason";
}

function isLoopback(server: string): boolean {
  return /^(localhost|127\.[\d.]+|\[::1\])(:\d+)?$/i.test(shownServers({ servers: [server] }));
}

/** The client wraps some errors of the socket and passes others. */
function systemError(error: unknown): { readonly code: string | undefined; readonly hostname: string } {
  for (let inner: unknown = error; inner instanceof Error; inner = inner.cause) {
    if ("code" in inner && typeof inner.code === "string")
      return { code: inner.code, hostname: "hostname" in inner && typeof inner.hostname === "string" ? inner.hostname : "" };
    if (inner.message === "connection refused") return { code: "ECONNREFUSED", hostname: "" };
  }
  return { code: undefined, hostname: "" };
}
