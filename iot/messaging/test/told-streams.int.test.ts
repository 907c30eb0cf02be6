// What a device says once, with the shipped configuration: it is kept in order, people read it by
// role under our own name, and no device reaches what another said.

import { DEVICE_HISTORY, type HistoryEvent } from "@iot/contracts";
import { jetstreamManager } from "@nats-io/jetstream";
import { headers } from "@nats-io/nats-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureToldStreams, openHistoryWriter, readDeviceHistory } from "../src/index.ts";
import { deviceA, deviceB, type Fleet, silent, startFleet } from "./nats-setup.ts";

const signal = AbortSignal.timeout(100_000);
const event = (n: number, more: Partial<HistoryEvent> = {}): HistoryEvent => ({
  n,
  at: "2026-01-01T00:00:00Z",
  agoMs: 0,
  deployment: "hello",
  phase: "Running",
  reason: "Running",
  message: `said ${n}`,
  revision: n,
  ...more,
});

let fleet: Fleet;
beforeAll(async () => {
  fleet = await startFleet("accounts");
  await ensureToldStreams(await fleet.operator(), { log: silent });
});
afterAll(() => fleet[Symbol.asyncDispose]());

const numbers = async (device: typeof deviceA | null, more: { sinceMs?: number; most?: number } = {}) => {
  const query = { device, sinceMs: null, most: 10_000, ...more };
  const read = await readDeviceHistory(await fleet.person("viewer"), query, signal);
  return { ...read, numbers: read.told.map((told) => `${told.device} ${told.event.n}`) };
};

test("it is kept in order, a second write of the same is refused with what is there, and a viewer reads it", async () => {
  const writer = openHistoryWriter(await fleet.device(deviceA), deviceA);
  expect(await writer.last(signal)).toBe(0);
  const first = await writer.put(event(1, { message: "\u001b[2Jcleaned" }), 0, signal);
  if (!first.ok) throw new Error("refused");
  expect(await writer.put(event(1), 0, signal)).toEqual({ ok: false, reason: "Conflict", last: first.revision });
  expect(await writer.last(signal)).toBe(first.revision);
  expect(await writer.put(event(2), first.revision, signal)).toMatchObject({ ok: true });
  const other = openHistoryWriter(await fleet.device(deviceB), deviceB);
  await other.put(event(1), 0, signal);
  expect((await numbers(deviceA)).numbers).toEqual(["dev-a 1", "dev-a 2"]);
  expect((await numbers(null)).numbers).toEqual(["dev-a 1", "dev-a 2", "dev-b 1"]);
  expect((await numbers(deviceA)).told[0]?.event.message).toBe("cleaned");
  expect((await numbers(null, { sinceMs: Date.now() + 60_000 })).numbers).toEqual([]);
});

test("when it was is by the server's stamp; after another boot by the device's clock, and marked", async () => {
  const writer = openHistoryWriter(await fleet.device(deviceA), deviceA);
  const last = (await writer.last(signal)) ?? 0;
  const hourAgo = await writer.put(event(3, { agoMs: 3_600_000, at: "1999-01-01T00:00:00Z" }), last, signal);
  if (!hourAgo.ok) throw new Error("refused");
  const { agoMs: _, ...before } = event(4, { at: "2099-01-01T00:00:00Z" });
  await writer.put(before, hourAgo.revision, signal);
  const [third, fourth] = (await numbers(deviceA)).told.slice(-2);
  expect(third).toMatchObject({ isEstimated: false, atMs: (third?.receivedAtMs ?? 0) - 3_600_000 });
  // Nothing has happened after it was heard of.
  expect(fourth).toMatchObject({ isEstimated: true, atMs: fourth?.receivedAtMs });
});

test("a device that floods pushes out its own alone, and what nobody can read is counted", async () => {
  const a = (await fleet.device(deviceA)).connection;
  for (let count = 0; count < 2 * DEVICE_HISTORY.perDevice; count += 1) a.publish("iot.history.dev-a", '{"n":"garbage"}');
  await a.request("iot.history.dev-a", '{"n":"the last"}', { timeout: 20_000 });
  const read = await numbers(null);
  expect(read).toMatchObject({ numbers: ["dev-b 1"], unreadable: DEVICE_HISTORY.perDevice });
});

test("what is too large is refused, and no header of a device reaches what others said", async () => {
  const a = (await fleet.device(deviceA)).connection;
  const put = async (data: string, extra: Record<string, string> = {}): Promise<string> => {
    const sent = headers();
    for (const [name, value] of Object.entries(extra)) sent.set(name, value);
    return (await a.request("iot.history.dev-a", data, { headers: sent, timeout: 2_000 })).string();
  };
  expect(await put("x".repeat(DEVICE_HISTORY.maxEventBytes + 1))).toContain("error");
  for (const extra of [{ "Nats-Rollup": "all" }, { "Nats-Rollup": "sub" }, { "Nats-TTL": "1s" }, { "Nats-Schedule": "@every 1s" }])
    expect(await put("{}", extra)).toContain("error");
  expect((await numbers(deviceB)).numbers).toEqual(["dev-b 1"]);
});

test("a reading whose answers are sent elsewhere changes nothing there", async () => {
  const viewer = (await fleet.person("viewer")).connection;
  const b = (await fleet.device(deviceB)).connection;
  const asked: string[] = [];
  b.subscribe("iot.command.dev-b.*", { callback: (_error, message) => void asked.push(message.reply ?? "") });
  await b.flush();
  const body = JSON.stringify({ seq: 1, next_by_subj: "iot.history.*", batch: 10 });
  for (const reply of ["iot.command.dev-b.exec", "iot.history.dev-b", "iot.audit.dev-b", "iot.status.dev-b", "iot.manifest.dev-b"])
    viewer.publish("iot.read.device-history", body, { reply });
  await viewer.flush();
  expect((await numbers(deviceB)).numbers).toEqual(["dev-b 1"]);
  // A question without a reply is none.
  expect(asked.filter((reply) => reply !== "")).toEqual([]);
});

test("nobody deletes a line of the audit", async () => {
  const jsm = await jetstreamManager((await fleet.operator()).connection);
  await expect(jsm.streams.purge("device-audit")).rejects.toThrow(/purge/);
});
