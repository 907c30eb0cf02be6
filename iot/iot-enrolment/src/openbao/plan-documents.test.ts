import type { BaoRead } from "@iot/identity";
import { expect, test } from "vitest";
import { documentsOf, planDocument } from "./plan-documents.ts";

const record = { device: "pi-1", keys: [], state: "disabled" as const, reason: "stolen", tokensNotBefore: 7 };

test("OpenBao gets the grant of a device, and its way to NATS, and nothing else of it", () => {
  const { grant, nats } = documentsOf(record, { urls: ["tls://nats:4222"] });
  expect(grant).toMatchObject({ path: "grants/pi-1", content: { state: "disabled", reason: "stolen", tokensNotBefore: 7 } });
  expect(nats).toEqual({ path: "devices/pi-1/nats", content: { urls: ["tls://nats:4222"] } });
});

const content = { urls: ["a"], ca: "b" };
test.each<[string, BaoRead, ReturnType<typeof planDocument>]>([
  ["what is the same, in another order", { kind: "found", version: 1, data: { ca: "b", urls: ["a"] } }, "nothing"],
  ["what is another", { kind: "found", version: 1, data: { urls: ["a"] } }, "write"],
  ["what was lost", { kind: "absent", wasDeleted: false }, "write"],
  ["what somebody deleted", { kind: "absent", wasDeleted: true }, "write"],
  ["what cannot be had", { kind: "unknown", why: "sealed" }, { wait: "sealed" }],
])("%s", (_what, read, step) => {
  expect(planDocument({ path: "", content }, read)).toEqual(step);
});
