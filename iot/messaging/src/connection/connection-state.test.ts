import { clausesOf } from "@harmony/core";
import { errors } from "@nats-io/nats-core";
import { describe, expect, test } from "vitest";
import { type DisconnectedReason, explainConnectError, explainWithoutTrying, shownServers, type Surroundings } from "./connection-state.ts";
import { describeDown, nameServers } from "./local-network.ts";

const target = { servers: ["nats://user:secret@central:4222"], user: "pi", caFile: "/etc/ca.pem" };
const fine: Surroundings = { networkDown: null, nameServers: ["10.0.0.1"], now: new Date("2026-05-04T03:02:01Z") };
const unplugged: Surroundings = { ...fine, networkDown: describeDown([{ name: "eth0", carrier: false }]) };
const system = (code: string, more: object = {}): Error => Object.assign(new Error(`connect ${code}`), { code, ...more });
const lookUp = (code: string): Error => system(code, { hostname: "central", syscall: "getaddrinfo" });

const explained: [error: unknown, reason: DisconnectedReason, says: string][] = [
  [new errors.ConnectionError("connection refused", { cause: system("ECONNREFUSED") }), "Refused", "start nats-server"],
  [new errors.AuthorizationError("Authorization Violation"), "WrongCredentials", 'refuses the user "pi"'],
  [lookUp("ENOTFOUND"), "NameNotFound", 'knows no host "central"'],
  [lookUp("EAI_AGAIN"), "NameServerDown", "no answer from the name server 10.0.0.1"],
  [new errors.TimeoutError(), "NoAnswer", "firewall"],
  [system("ETIMEDOUT"), "NoAnswer", "firewall"],
  [system("ENETUNREACH"), "NetworkDown", "no route"],
  [system("EHOSTUNREACH"), "NetworkDown", "gateway"],
  [system("ECONNRESET"), "ClosedByPeer", "port"],
  [system("CERT_NOT_YET_VALID"), "ClockBehind", "(2026-05-04)"],
  [system("CERT_HAS_EXPIRED"), "Tls", "has expired"],
  [system("SELF_SIGNED_CERT_IN_CHAIN"), "Tls", "ca_file in [nats]"],
  [system("ERR_TLS_CERT_ALTNAME_INVALID"), "Tls", "of this name"],
  [new Error("/etc/ca.pem doesn't exist"), "Tls", "/etc/ca.pem doesn't exist; put the file there"],
  [new errors.ConnectionError("server does not support 'tls'"), "Tls", "does not offer TLS"],
  [new Error("something else"), "ConnectFailed", "something else"],
  [undefined, "ConnectFailed", "without a reason"],
];

test.each(explained)("%s is reported as %s", (error, reason, says) => {
  const explained = explainConnectError(error, target, fine);
  expect(explained.reason).toBe(reason);
  expect(explained.message).toContain(says);
  expect(explained.message).toContain("cannot connect to NATS at central:4222: ");
  expect(explained.message).not.toContain("secret");
  expect(clausesOf(explained.message).todo).not.toBeNull();
});

test.each([
  [new errors.AuthorizationError("Authorization Violation"), "right in [credentials] of /etc/x.toml, or"],
  [system("ECONNREFUSED"), "put the port right in [nats] of /etc/x.toml"],
  [lookUp("ENOTFOUND"), "put the name right in [nats] of /etc/x.toml, or"],
])("%s names the file", (error, says) => {
  const settings = { credentials: "[credentials] of /etc/x.toml", servers: "[nats] of /etc/x.toml" };
  expect(explainConnectError(error, { ...target, settings }, fine).message).toContain(says);
});

describe("with the cable out", () => {
  const says = "cannot connect to NATS at central:4222: this machine's network is down (eth0 has no carrier); plug in the cable";

  test.each([lookUp("EAI_AGAIN"), system("EHOSTUNREACH"), system("ENETUNREACH"), new errors.TimeoutError()])(
    "%s is a consequence of it",
    (error) => {
      const explained = explainConnectError(error, target, unplugged);
      expect(explained.reason).toBe("NetworkDown");
      expect(explained.message).toContain(says);
    },
  );

  test.each(explained.slice(0, 2))("%s is what it is: somebody answered", (error, reason) => {
    expect(explainConnectError(error, target, unplugged).reason).toBe(reason);
  });

  test("it is reported before the first attempt has failed", () => {
    expect(explainWithoutTrying(target, unplugged)?.message).toContain(says);
    expect(explainWithoutTrying(target, fine)).toBeNull();
  });

  test.each(["nats://127.0.0.1:4222", "localhost:4222", "[::1]:4222"])("a server on this machine (%s) needs no cable", (server) => {
    expect(explainWithoutTrying({ servers: [server] }, unplugged)).toBeNull();
    expect(explainConnectError(new errors.TimeoutError(), { servers: [server] }, unplugged).reason).toBe("NoAnswer");
  });
});

test("without a user, the sentence says that one is wanted", () => {
  const { message } = explainConnectError(new errors.AuthorizationError("Authorization Violation"), { servers: ["central"] }, fine);
  expect(message).toContain("the server wants a user and a password");
});

test.each([
  [new errors.AuthorizationError("Authorization Violation"), 'refuses the identity of "pi-7"', "iot device list"],
  [new errors.TimeoutError(), "no answer", "auth callout"],
])("an identity that is shown: %s", (error, says, mend) => {
  const { message } = explainConnectError(error, { servers: ["central"], user: "pi-7", isToken: true }, fine);
  expect(message).toContain(says);
  expect(message).toContain(mend);
});

test("a name that is looked up without any name server", () => {
  const { message } = explainConnectError(lookUp("EAI_AGAIN"), target, { ...fine, nameServers: [] });
  expect(message).toContain("no name server is configured in /etc/resolv.conf");
});

test("what is down is named", () => {
  expect(describeDown([])).toBe("this machine has no network interface");
  expect(
    describeDown([
      { name: "eth0", carrier: false },
      { name: "wlan0", carrier: true },
    ]),
  ).toBe("this machine's network is down (eth0 has no carrier, wlan0 has no address)");
});

test("name servers are those of resolv.conf", () => {
  expect(nameServers("# a comment\nsearch lan\nnameserver 10.0.0.1\n  nameserver fe80::1%eth0\n;nameserver 1.1.1.1\n")).toEqual([
    "10.0.0.1",
    "fe80::1%eth0",
  ]);
});

test("a server's name is shown without its scheme, user and password", () => {
  expect(shownServers({ servers: ["central:4222", "nats://other", "tls://u:p@third:4443"] })).toBe("central:4222, other, third:4443");
});
