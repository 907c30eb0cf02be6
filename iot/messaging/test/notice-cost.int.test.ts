// What notices may cost a device. Another device, with its own credentials, makes the server send
// what it answers to the subject of this one's notices. Readings are counted by what this device's
// connection sends, and bytes by what it receives.

import { createLog } from "@harmony/runtime";
import type { Manifest } from "@iot/contracts";
import { headers, type NatsConnection } from "@nats-io/nats-core";
import { eventually } from "@iot/testkit";
import { afterEach, describe, expect, test } from "vitest";
import { type DesiredStateStore, openDesiredState, openDeviceReader, type Messaging } from "../src/index.ts";
import { deviceA, deviceB, type Fleet, type Setup, silent, startFleet } from "./nats-setup.ts";

const signal = AbortSignal.timeout(100_000);
const manifest: Manifest = { sources: ["test"], deployments: {} };

interface Listening {
  readonly fleet: Fleet;
  readonly store: DesiredStateStore;
  readonly operator: Messaging;
  readonly a: NatsConnection;
  readonly b: NatsConnection;
  readonly followed: { readonly sequence: number | null; readonly atMs: number }[];
  /** What B logged when it ended its subscription. */
  readonly ended: readonly string[];
  /** Readings of B that ended. */
  readonly readings: () => number;
  /** The sequence of the newest manifest that B has read. */
  readonly read: () => number;
}

const open: Listening[] = [];

afterEach(async () => {
  for (const { store, fleet } of open.splice(0)) {
    await store.close();
    await fleet[Symbol.asyncDispose]();
  }
});

/** B reads its manifest at each notice that it follows, as the agent does. */
async function listening(setup: Setup): Promise<Listening> {
  const fleet = await startFleet(setup);
  const operator = await fleet.operator();
  const store = await openDesiredState(operator, { log: silent });
  for (const device of [deviceA, deviceB]) await store.putManifest({ device, manifest, expectedRevision: 0 });
  const { connection: a } = await fleet.device(deviceA);
  const ended: string[] = [];
  const log = createLog({
    name: "b",
    level: "warn",
    format: "json",
    write: (line) => void (line.includes("NoticeFlood") && ended.push(line)),
  });
  const messaging = await fleet.device(deviceB, { log });
  const reader = openDeviceReader(messaging, deviceB);
  const followed: Listening["followed"] = [];
  let readings = 0;
  let read = 0;
  await reader.readManifest(signal);
  reader.notices((sequence) => {
    followed.push({ sequence, atMs: performance.now() });
    void reader.readManifest(signal).then((manifest) => {
      readings += 1;
      if (manifest.kind === "found") read = Math.max(read, manifest.revision);
    });
  }, signal);
  await messaging.connection.flush();
  const one = { fleet, store, operator, a, b: messaging.connection, followed, ended, readings: () => readings, read: () => read };
  open.push(one);
  return one;
}

/** Makes the server answer to where B hears notices, as fast as it takes it. */
async function flood(from: NatsConnection, isEnough: () => boolean): Promise<void> {
  while (!isEnough()) {
    for (let number = 0; number < 20; number += 1) {
      for (const reply of ["iot.notice.dev-b", "notify.desired-state.dev-b"]) {
        from.publish("iot.manifest.dev-a", "", { reply });
        from.publish("$JS.API.DIRECT.GET.KV_desired-state.$KV.desired-state.dev-a", "", { reply });
      }
    }
    await from.flush();
  }
}

function traffic(connection: NatsConnection): { readonly outMsgs: number; readonly inBytes: number } {
  const { outMsgs, inBytes } = connection.stats();
  return { outMsgs, inBytes };
}

describe.each(["plain", "accounts", "shared"] as const)("against a server set up as %s", (setup) => {
  test("a flood from another device is heard for a moment, and then not any more", async () => {
    const { a, b, followed, ended } = await listening(setup);
    const before = traffic(b);
    await flood(a, () => ended.length > 0);
    await b.flush();
    const heardBytes = traffic(b).inBytes - before.inBytes;
    expect(heardBytes).toBeGreaterThan(2_000);
    expect(heardBytes).toBeLessThan(100_000);
    let rounds = 0;
    await flood(a, () => (rounds += 1) > 200);
    await b.flush();
    expect(traffic(b).inBytes - before.inBytes).toBe(heardBytes);
    expect(followed).toEqual([]);
    // B asked nothing because of it.
    expect(traffic(b).outMsgs).toBe(before.outMsgs);
    expect(ended).toHaveLength(1);
  });
});

test("what a device may ask for another is followed once, however often its notice comes", async () => {
  const { a, b, store, followed, readings } = await listening("shared");
  await store.putManifest({ device: deviceB, manifest: { ...manifest, sources: ["other"] }, expectedRevision: 2 });
  await eventually(() => readings() === 1, { what: "the change is read" });
  const before = traffic(b);
  for (let round = 0; round < 8; round += 1) {
    a.publish("iot.manifest.dev-b", "", { reply: "iot.notice.dev-b" });
    await a.flush();
  }
  await b.flush();
  expect(followed.map(({ sequence }) => sequence)).toEqual([3]);
  expect(traffic(b).outMsgs).toBe(before.outMsgs);
  expect(traffic(b).inBytes - before.inBytes).toBeGreaterThan(1_000);
});

test("numbers that are made up are followed once a second, the first at once and the last in the end", async () => {
  const { operator, followed } = await listening("plain");
  const startMs = performance.now();
  for (let number = 1; number <= 12; number += 1) {
    const sent = headers();
    sent.set("Nats-Subject", "$KV.desired-state.dev-b");
    sent.set("Nats-Sequence", String(number));
    operator.connection.publish("notify.desired-state.dev-b", "whatever it says", { headers: sent });
  }
  await eventually(() => followed.length === 2, { what: "the second reading begins" });
  const [first, second] = followed;
  expect([first?.sequence, second?.sequence]).toEqual([1, 12]);
  expect((first?.atMs ?? Infinity) - startMs).toBeLessThan(900);
  expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThan(990);
});

test("a number that never comes is read for once a second", async () => {
  const { operator, b, readings } = await listening("plain");
  const before = traffic(b);
  const sent = headers();
  sent.set("Nats-Subject", "$KV.desired-state.dev-b");
  sent.set("Nats-Sequence", "4711");
  operator.connection.publish("notify.desired-state.dev-b", "", { headers: sent });
  await eventually(() => readings() === 1, { what: "the reading gives it up", timeoutMs: 15_000 });
  expect(traffic(b).outMsgs - before.outMsgs).toBeLessThanOrEqual(7);
});

test.each(["plain", "accounts", "shared"] as const)(
  "changes one after another are each read, against a server set up as %s",
  async (setup) => {
    const { store, read } = await listening(setup);
    let revision = 2;
    for (let number = 0; number < 4; number += 1) {
      const written = await store.putManifest({
        device: deviceB,
        manifest: { ...manifest, sources: [String(number)] },
        expectedRevision: revision,
      });
      if (!written.ok) throw new Error("conflict");
      revision = written.revision;
      // A reading that was under way may bring it; its own notice is then not followed.
      await eventually(() => read() === revision, { what: `change ${number} is read`, timeoutMs: 10_000 });
    }
  },
);

test("a change is followed at once after one that came true, and not after numbers that are made up", async () => {
  const { operator, store, followed, readings } = await listening("plain");
  let revision = 2;
  const change = async (): Promise<number> => {
    const startMs = performance.now();
    const before = readings();
    const sources = [String(revision)];
    const written = await store.putManifest({ device: deviceB, manifest: { ...manifest, sources }, expectedRevision: revision });
    if (!written.ok) throw new Error("conflict");
    revision = written.revision;
    await eventually(() => followed.at(-1)?.sequence === revision && readings() > before, { what: "the change is read", intervalMs: 5 });
    return performance.now() - startMs;
  };
  const quickly = [await change(), await change(), await change(), await change()];
  expect(quickly.reduce((sum, ms) => sum + ms)).toBeLessThan(1_900);
  const sent = headers();
  sent.set("Nats-Subject", "$KV.desired-state.dev-b");
  sent.set("Nats-Sequence", "1");
  operator.connection.publish("notify.desired-state.dev-b", "", { headers: sent });
  await eventually(() => followed.at(-1)?.sequence === 1, { what: "the number is followed", intervalMs: 5 });
  expect(await change()).toBeGreaterThan(900);
});
