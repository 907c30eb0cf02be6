// Sessions through a real nats-server with the shipped accounts: who is believed, who is heard, and
// what is left when somebody is gone. The device answers with what it heard; iot/iot-agent's tests
// have the agent in its place.

import { createLog, systemClock } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { CommandRequest, personInbox, type Role } from "@iot/contracts";
import { errors, headers } from "@nats-io/nats-core";
import { eventually } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Command, type CommandListener, listenForCommands } from "../src/device.ts";
import { DeviceAsker, type Messaging, openInventoryStore, openStatusStore, type SessionEnd } from "../src/index.ts";
import { SessionTable } from "../src/sessions/index.ts";
import { CONFIGS, deviceA, deviceB, type Fleet, type Setup, silent, startFleet } from "./nats-setup.ts";

const signal = AbortSignal.timeout(100_000);

interface AskedDevice {
  readonly commands: Command[];
  readonly lines: string[];
  readonly sessions: SessionTable;
  readonly listener: CommandListener;
}

/** Answers each question with its text, and goes on with what is sent to it until it is closed. */
async function askedDevice(messaging: Messaging, clock = systemClock): Promise<AskedDevice> {
  const sessions = new SessionTable(clock);
  const commands: Command[] = [];
  const lines: string[] = [];
  const log = createLog({ name: "device", format: "json", write: (line) => void lines.push(line) });
  const converse = async (end: SessionEnd, command: Command): Promise<void> => {
    end.say();
    await end.write("stdout", command.data);
    for await (const { channel, data } of end.incoming()) if (channel === "stdin") await end.write("stdout", data);
  };
  const listener = listenForCommands(messaging, deviceB, {
    log,
    onCommand: (command) => {
      commands.push(command);
      const request = parseJson(CommandRequest, command.data);
      const session = request.ok ? request.value.session : "";
      const end = sessions.open(session, { send: command.respond, hears: ["stdin", "credit", "close"] });
      converse(end, command).catch(() => undefined);
    },
    onInput: (session, frame) => sessions.receive(session, frame),
  });
  messaging.lost().addEventListener("abort", () => sessions.lost());
  onTestFinished(() => listener.close());
  await messaging.connection.flush();
  return { commands, lines, sessions, listener };
}

async function asker(fleet: Fleet, role: Role = "maintainer"): Promise<{ messaging: Messaging; asker: DeviceAsker }> {
  const messaging = await fleet.person(role);
  return { messaging, asker: new DeviceAsker(messaging, { inbox: personInbox(`alice-${role}`) }) };
}

async function firstOf(session: SessionEnd): Promise<string> {
  for await (const { data } of session.incoming()) return Buffer.from(data).toString();
  return "";
}

describe("with the shipped accounts", () => {
  let fleet: Fleet;
  let a: Messaging;
  let b: Messaging;
  beforeAll(async () => {
    fleet = await startFleet("accounts");
    const operator = await fleet.operator();
    for (const open of [openStatusStore, openInventoryStore]) await open(operator, { log: silent });
    [a, b] = await Promise.all([fleet.device(deviceA), fleet.device(deviceB)]);
  });
  afterAll(() => fleet[Symbol.asyncDispose]());

  test("a device hears a question and who asks it, and the person its answer, both ways, until one leaves", async () => {
    const device = await askedDevice(b);
    const { asker: person } = await asker(fleet);
    const session = await person.ask({ device: deviceB, verb: "exec", fields: { x: 1 } }, signal);
    const heard: string[] = [];
    void (async () => {
      for await (const { data } of session.incoming()) heard.push(Buffer.from(data).toString());
    })();
    await eventually(() => heard.length === 1, { what: "the answer comes" });
    expect(heard[0]).toMatch(/^\{"session":"[0-9a-f]{32}","x":1\}$/);
    expect(device.commands[0]).toMatchObject({ verb: "exec", by: { user: "alice-maintainer" } });
    await session.write("stdin", Buffer.from("typed"));
    await eventually(() => heard[1] === "typed", { what: "what was typed comes back" });
    session.close();
    await eventually(() => device.sessions.size === 0, { what: "the device knows that the person left" });
  });

  test("nobody there is said at once", async () => {
    const { asker: person } = await asker(fleet);
    const startedAt = performance.now();
    await expect(person.ask({ device: deviceB, verb: "ping" }, signal)).rejects.toMatchObject({ code: "NoStore" });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test("what a role may not is refused at once, and the device hears nothing", async () => {
    const device = await askedDevice(b);
    for (const [role, verb] of [
      ["viewer", "logs"],
      ["support", "exec"],
    ] as const) {
      const { asker: person } = await asker(fleet, role);
      await expect(person.ask({ device: deviceB, verb }, signal)).rejects.toMatchObject({ code: "PermissionDenied" });
    }
    expect(device.commands).toEqual([]);
  });

  test("a word on who asks that the person wrote himself is replaced", async () => {
    const device = await askedDevice(b);
    const { messaging } = await asker(fleet, "viewer");
    const forged = headers();
    forged.set("Nats-Request-Info", JSON.stringify({ acc: "PEOPLE", user: "boss" }));
    const reply = `${personInbox("alice-viewer")}.x`;
    messaging.connection.publish("iot.command.dev-b.ping", `{"session":"${"0".repeat(32)}"}`, { reply, headers: forged });
    await eventually(() => device.commands.length === 1, { what: "the question is heard" });
    expect(device.commands[0]?.by?.user).toBe("alice-viewer");
  });

  describe("another device", () => {
    test("has answers of the server delivered as questions, which are dropped and counted", async () => {
      const device = await askedDevice(b);
      const forged = headers();
      forged.set("Nats-Request-Info", JSON.stringify({ acc: "PEOPLE", user: "boss" }));
      for (const subject of ["iot.command.dev-b.exec", "iot.command.dev-b.ping", `iot.session.dev-b.${"0".repeat(32)}.in`]) {
        a.connection.publish("iot.inventory.dev-a", "{}", { reply: subject, headers: forged });
        a.connection.publish("iot.status.dev-a", "{}", { reply: subject, headers: forged });
      }
      await eventually(() => device.listener.dropped() === 6, { what: "they came, and were dropped" });
      expect(device.commands).toEqual([]);
    });

    test("that floods this one is not listened to for a while, and neither is anybody else", async () => {
      const device = await askedDevice(b);
      for (let count = 0; count < 200; count += 1) a.connection.publish("iot.status.dev-a", "{}", { reply: "iot.command.dev-b.exec" });
      await eventually(() => device.lines.some((line) => line.includes("CommandFlood")), { what: "the device says so" });
      const { asker: person } = await asker(fleet);
      await expect(person.ask({ device: deviceB, verb: "ping" }, signal)).rejects.toMatchObject({ code: "NoStore" });
      expect(device.listener.dropped()).toBeLessThan(200);
    });

    test("neither hears nor answers what a person asks this one", async () => {
      const device = await askedDevice(b);
      const heard: string[] = [];
      for (const subject of ["iot.command.*.*", "iot.command.dev-b.*", "iot.session.>", "_R_.>"])
        a.connection.subscribe(subject, { callback: (error, message) => void (error === null && heard.push(message.subject)) });
      const replies: string[] = [];
      b.connection.subscribe("iot.command.dev-b.*", { callback: (_error, { reply }) => void replies.push(reply ?? "") });
      const { asker: person } = await asker(fleet);
      const session = await person.ask({ device: deviceB, verb: "exec" }, signal);
      const [reply = ""] = replies;
      expect(reply).toMatch(/^_R_\./);
      // The subject of the answer is no secret to this test; another device hears none.
      const refused = a.connection.request(reply, Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 123, 125]), { timeout: 1_000 });
      await expect(refused).rejects.toMatchObject({ cause: expect.any(errors.PermissionViolationError) as unknown });
      a.connection.publish("iot.status.dev-a", "{}", { reply });
      await a.connection.flush();
      expect(await firstOf(session)).toContain("session");
      expect(heard).toEqual([]);
      expect(device.commands).toHaveLength(1);
      session.close();
    });
  });

  test("another person cannot choose where an answer goes", async () => {
    const device = await askedDevice(b);
    const { messaging } = await asker(fleet, "viewer");
    for (const reply of [
      "iot.command.dev-b.exec",
      `iot.session.dev-b.${"0".repeat(32)}.in`,
      "_INBOX_alice-maintainer.x",
      "iot.notice.dev-b",
    ])
      messaging.connection.publish("iot.command.dev-b.ping", `{"session":"${"1".repeat(32)}"}`, { reply });
    await messaging.connection.flush();
    await eventually(() => device.commands.length > 0, { what: "a question is heard" });
    expect(device.commands.map(({ verb }) => verb)).not.toContain("exec");
  });

  test("a client that is killed leaves a hundred sessions, which are gone after their lease", async () => {
    let nowMs = 0;
    const wakes: (() => void)[] = [];
    const device = await askedDevice(b, {
      ...systemClock,
      monotonicMs: () => nowMs,
      sleep: () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        wakes.push(resolve);
        return promise;
      },
    });
    const { messaging, asker: person } = await asker(fleet);
    await Promise.all(Array.from({ length: 100 }, () => person.ask({ device: deviceB, verb: "logs" }, signal)));
    expect(device.sessions.size).toBe(100);
    // Without a word: the client's own socket.
    await messaging.connection.close();
    nowMs = 46_000;
    for (const wake of wakes) wake();
    await eventually(() => device.sessions.size === 0, { what: "none is left" });
  });
});

test("a server that restarts ends all sessions at both ends, and is asked again", async () => {
  const fleet = await startFleet("accounts");
  onTestFinished(() => fleet[Symbol.asyncDispose]());
  const device = await askedDevice(await fleet.device(deviceB));
  const { asker: person, messaging } = await asker(fleet);
  const session = await person.ask({ device: deviceB, verb: "logs" }, signal);
  await fleet.nats.kill();
  expect(await session.ended).toEqual({ kind: "lost" });
  await eventually(() => device.sessions.size === 0, { what: "the device has ended it" });
  await fleet.nats.start();
  await eventually(() => messaging.state().kind === "connected", { what: "the person is connected again", timeoutMs: 30_000 });
  const again = await eventually(() => person.ask({ device: deviceB, verb: "ping" }, signal), {
    what: "it is answered again",
    timeoutMs: 30_000,
  });
  expect(await firstOf(again)).toContain("session");
});

test.each<[Setup]>([["accounts of 0.1"], ["shared of 0.1"], ["accounts with users of 0.1"]])(
  "%s: the device is not asked, says so at most once, and works",
  async (setup) => {
    const fleet = await startFleet(setup);
    onTestFinished(() => fleet[Symbol.asyncDispose]());
    const messaging = await fleet.device(deviceB);
    const device = await askedDevice(messaging);
    await messaging.connection.flush();
    await messaging.connection.flush();
    expect(messaging.state().kind).toBe("connected");
    expect(device.lines.filter((line) => line.includes("does not let people ask")).length).toBe(setup.startsWith("shared") ? 0 : 1);
  },
);

test("a device that was not permitted to hear questions hears them after the configuration was changed", async () => {
  const fleet = await startFleet("accounts with users of 0.1");
  onTestFinished(() => fleet[Symbol.asyncDispose]());
  const messaging = await fleet.device(deviceB);
  const device = await askedDevice(messaging);
  await eventually(() => device.lines.length > 0, { what: "it says that nobody can ask it" });
  await fleet.nats.restart(CONFIGS.accounts());
  const { asker: person } = await asker(fleet, "viewer");
  const session = await eventually(() => person.ask({ device: deviceB, verb: "ping" }, signal), { what: "it is asked", timeoutMs: 30_000 });
  expect(await firstOf(session)).toContain("session");
});

test("a plain server does not say who asks, and the device hears that it does not", async () => {
  const fleet = await startFleet("plain");
  onTestFinished(() => fleet[Symbol.asyncDispose]());
  const device = await askedDevice(await fleet.device(deviceB));
  const messaging = await fleet.operator();
  const person = new DeviceAsker(messaging, { inbox: "_INBOX" });
  const session = await person.ask({ device: deviceB, verb: "ping" }, signal);
  expect(device.commands[0]?.by).toBeNull();
  session.close();
});
