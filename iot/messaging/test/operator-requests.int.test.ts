// What people ask of operators, as somebody else would write it.

import { OPERATOR_VERBS, operatorSubject } from "@iot/contracts";
import { createInbox, type NatsConnection } from "@nats-io/nats-core";
import { HOSTILE_PARTS, OBEYED } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { askOperators, type Asked, type Messaging, serveOperatorRequests } from "../src/index.ts";
import { type Fleet, silent, startFleet } from "./nats-setup.ts";

let fleet: Fleet;
let operator: Messaging;
let person: Messaging;
const asked: Asked[] = [];
const serving = new AbortController();

beforeAll(async () => {
  fleet = await startFleet("plain");
  [operator, person] = await Promise.all([fleet.operator(), fleet.operator()]);
  const answer = async (one: Asked) => {
    asked.push(one);
    return { source: "git:demo", done: true, message: `no ${one.request.token ?? "token"}` };
  };
  serveOperatorRequests(operator, answer, { log: silent, signal: serving.signal });
  await operator.connection.flush();
});
afterAll(async () => {
  serving.abort();
  await fleet?.[Symbol.asyncDispose]();
});

async function send(connection: NatsConnection, body: string | Uint8Array): Promise<void> {
  for (const verb of OPERATOR_VERBS) {
    connection.publish(operatorSubject(verb), body);
    connection.publish(operatorSubject(verb), body, { reply: createInbox() });
  }
  await connection.flush();
  await operator.connection.flush();
}

test.each<[string, string | Uint8Array]>([
  ["nothing", ""],
  ["no JSON", "confirm"],
  ["no UTF-8", Uint8Array.from([0xff, 0xfe, 0x00])],
  ["a list", "[]"],
  ["null", "null"],
  ["numbers", '{"token":1,"name":2,"source":3}'],
  ["lists as words", '{"token":["a"],"namespace":{"a":1}}'],
  ["more than is read", JSON.stringify({ token: "x".repeat(4_096) })],
  ["more members than are read", JSON.stringify(Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`a${index}`, 1])))],
  ["too deep", '{"a":{"b":{"c":1}}}'],
  ["no end", "{".repeat(2_000)],
])("%s is not answered", async (_what, body) => {
  const before = asked.length;
  await send(person.connection, body);
  expect(asked).toHaveLength(before);
});

test("nobody is answered who names no reply", async () => {
  const before = asked.length;
  person.connection.publish(operatorSubject("confirm"), '{"token":"a"}');
  await person.connection.flush();
  expect(await askOperators(person, "confirm", { token: "b" }, AbortSignal.timeout(10_000))).toHaveLength(1);
  expect(asked.slice(before).map(({ request }) => request.token)).toEqual(["b"]);
});

test("an answer is plain, whatever it repeats", async () => {
  const [answer] = await askOperators(person, "confirm", { token: HOSTILE_PARTS.join("x") }, AbortSignal.timeout(10_000));
  expect(answer?.message).not.toMatch(OBEYED);
});
