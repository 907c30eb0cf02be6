import { errors } from "@nats-io/nats-core";
import { expect, test } from "vitest";
import { explainConnectError, shownServers } from "./connection-state.ts";

const target = { servers: ["nats://user:secret@central:4222"], user: "pi" };
const system = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code });

test.each([
  [new errors.ConnectionError("connection refused", { cause: system("ECONNREFUSED") }), "Refused", "start nats-server"],
  [new errors.AuthorizationError("Authorization Violation"), "WrongCredentials", 'refuses the user "pi"'],
  [system("ENOTFOUND"), "NameNotFound", "DNS"],
  [system("EAI_AGAIN"), "NameNotFound", "DNS"],
  [new errors.TimeoutError(), "Timeout", "firewall"],
  [system("ETIMEDOUT"), "Timeout", "firewall"],
  [system("ENETUNREACH"), "NotConnected", "no route"],
  [system("ECONNRESET"), "NotConnected", "TLS"],
  [new Error("something else"), "NotConnected", "something else"],
  [undefined, "NotConnected", "without a reason"],
])("%s", (error, reason, says) => {
  const state = explainConnectError(error, target);
  expect(state).toMatchObject({ kind: "disconnected", reason });
  expect(state.message).toContain(says);
  expect(state.message).toContain("cannot connect to NATS at nats://central:4222: ");
  expect(state.message).not.toContain("secret");
});

test("a server's name without user and password is shown as it is", () => {
  expect(shownServers({ servers: ["central:4222", "nats://other"] })).toBe("central:4222, nats://other");
});
