// What operators write down, on a real server: the records of sources and the audit, with the
// limits that they are made with. Nothing in the audit can be taken away again.

import { AUDIT, BUCKETS } from "@iot/contracts";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { headers, nanos } from "@nats-io/nats-core";
import { eventually } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Messaging, openAudit, openSourceRecords, readAudit, sourceKey } from "../src/index.ts";
import { type Fleet, silent, startFleet } from "./nats-setup.ts";

let fleet: Fleet;
let operator: Messaging;
let jsm: JetStreamManager;

beforeAll(async () => {
  fleet = await startFleet("plain");
  operator = await fleet.operator();
  jsm = await jetstreamManager(operator.connection);
});
afterAll(() => fleet?.[Symbol.asyncDispose]());

test("of two who write the record of a source one is refused, and it has no history and no roll-up", async () => {
  const records = await openSourceRecords(operator, { log: silent });
  const id = "git:host/acme/w#main";
  const removals = { id, followed: null, removed: [], held: [], lost: [], gathering: null };
  expect(await records.putRemovals(removals, 0)).toMatchObject({ ok: true });
  expect(await records.putRemovals({ ...removals, followed: "c" }, 0)).toMatchObject({ ok: false });
  const found = await eventually(async () => (await records.observe(new AbortController().signal)).get(id));
  expect(found.removals.document).toEqual(removals);
  const { config } = await jsm.streams.info("KV_sources");
  expect(config).toMatchObject({ max_msgs_per_subject: 1, allow_rollup_hdrs: false, max_msg_size: BUCKETS.sources.maxValueBytes });
  await records.close();
});

test("a line of the audit stays for 400 days, and nobody can delete, purge or roll it up", async () => {
  const key = sourceKey("git:demo");
  expect(key).toMatch(/^[0-9a-f]{10}$/);
  const audit = openAudit(operator, { log: silent });
  const event = { at: "2026-03-01T00:00:00Z", source: "git:demo", what: "removed", by: "operator", message: "default/hello from pi-1" };
  await audit.write(key, event);
  const { config } = await jsm.streams.info(AUDIT.stream);
  expect(config).toMatchObject({ subjects: ["audit.>"], max_age: nanos(400 * 86_400_000), max_bytes: 1024 ** 3 });
  await expect(jsm.streams.deleteMessage(AUDIT.stream, 1)).rejects.toThrow(/delete not permitted/);
  await expect(jsm.streams.purge(AUDIT.stream)).rejects.toThrow(/purge not permitted/);
  const rollUp = headers();
  rollUp.set("Nats-Rollup", "all");
  await expect(jsm.jetstream().publish(`audit.operator.${key}`, "x", { headers: rollUp })).rejects.toThrow(/rollup not permitted/);
  expect(await readAudit(operator, 10)).toEqual([event]);
});

test("an audit that is there without limits is brought to them, its lines stay, and limits that somebody chose too", async () => {
  await using other = await startFleet("plain");
  const messaging = await other.operator();
  const streams = (await jetstreamManager(messaging.connection)).streams;
  await streams.add({ name: AUDIT.stream, subjects: [...AUDIT.subjects], max_bytes: 2 ** 31 });
  const event = { at: "2026-03-01T00:00:00Z", source: "git:demo", what: "removed", by: "operator", message: "default/hello from pi-1" };
  await openAudit(messaging, { log: silent }).write(sourceKey("git:demo"), event);
  openAudit(messaging, { log: silent, keepsLimits: true });
  const found = await eventually(async () => {
    const { config } = await streams.info(AUDIT.stream);
    return config.deny_delete && config;
  });
  expect(found).toMatchObject({ max_age: nanos(400 * 86_400_000), max_bytes: 2 ** 31, deny_purge: true, discard: "old" });
  expect(await readAudit(messaging, 10)).toEqual([event]);
});
