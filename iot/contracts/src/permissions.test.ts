// What a device and a person may say and hear, as a table.
// iot/messaging/test/permissions.int.test.ts shows that the server enforces it.

import { expect, test } from "vitest";
import {
  asDeploymentName,
  asDeviceId,
  bucketSubjects,
  COMMAND_VERBS,
  devicePermissions,
  ownSubjects,
  personPermissions,
  ROLES,
  sharedPermissions,
} from "./index.ts";

const device = asDeviceId("pi-1");

test("of one device", () => {
  expect(devicePermissions(device)).toEqual({
    publish: [
      "iot.manifest.pi-1",
      "iot.score.pi-1.*",
      "iot.status.pi-1",
      "iot.inventory.pi-1",
      "iot.inventory-read.pi-1",
      "$JS.API.DIRECT.GET.KV_desired-state.$KV.desired-state.pi-1",
      "$JS.API.DIRECT.GET.KV_desired-state.$KV.desired-state.pi-1.*",
      "$KV.status.pi-1",
      "$KV.inventory.pi-1",
      "$JS.API.DIRECT.GET.KV_inventory.$KV.inventory.pi-1",
      "iot.history.pi-1",
      "iot.audit.pi-1",
    ],
    subscribe: ["_INBOX_pi-1.>", "iot.notice.pi-1", "notify.desired-state.pi-1", "iot.command.pi-1.*", "iot.session.pi-1.*.in"],
    answers: true,
  });
});

test("of one device that nobody may ask", () => {
  expect(devicePermissions(device, ["desired-state", "status", "inventory"])).toMatchObject({
    subscribe: ["_INBOX_pi-1.>", "iot.notice.pi-1", "notify.desired-state.pi-1"],
    answers: false,
  });
});

test("of people: each role may what the one before it may, hears its own inbox alone, and answers nobody", () => {
  const [viewer, support, maintainer, admin] = ROLES.map((role) => personPermissions("alice", role));
  const reads = ["desired-state", "status", "sources", "inventory", "devices", "audit", "device-history"].map(
    (stream) => `iot.read.${stream}`,
  );
  const ofTheFleet = [...reads, "iot.info.status", "iot.info.audit", "iot.operator.state"];
  expect(viewer).toEqual({
    publish: ["iot.command.*.ping", "iot.command.*.explain", "iot.command.*.doctor", ...ofTheFleet],
    subscribe: ["_INBOX_alice.>"],
    answers: false,
  });
  expect(support?.publish.toSorted()).toEqual(
    [...(viewer?.publish ?? []), "iot.command.*.logs", "iot.command.*.sessions", "iot.session.*.*.in"].toSorted(),
  );
  expect(maintainer?.publish.toSorted()).toEqual(
    [...COMMAND_VERBS.map((verb) => `iot.command.*.${verb}`), "iot.session.*.*.in", "iot.read.device-audit", ...ofTheFleet].toSorted(),
  );
  expect(admin?.publish.toSorted()).toEqual(
    [...(maintainer?.publish ?? []), ...["confirm", "keep", "adopt", "forget"].map((verb) => `iot.operator.${verb}`)].toSorted(),
  );
  // A person of one device alone reads nothing of the fleet.
  expect(personPermissions("bob", "support", [device]).publish).toEqual([
    "iot.command.pi-1.ping",
    "iot.command.pi-1.explain",
    "iot.command.pi-1.doctor",
    "iot.command.pi-1.logs",
    "iot.command.pi-1.sessions",
    "iot.session.pi-1.*.in",
  ]);
});

test("no permission of one device covers what another's is, and the shared one publishes what any device does", () => {
  const { publish, subscribe } = devicePermissions(device);
  for (const subject of [...publish, ...(subscribe ?? [])]) expect(subject).toMatch(/[._]pi-1(\.[*>])?(\.in)?$/);
  expect(sharedPermissions().publish.map((subject) => subject.replaceAll(".*", ".pi-1"))).toEqual(
    publish.map((subject) => subject.replaceAll(".*", ".pi-1")),
  );
});

test("no name of ours is longer than the bucket's, since each travels with every status and every question", () => {
  const hello = asDeploymentName("hello");
  const [own, bucket] = [ownSubjects(device), bucketSubjects(device)];
  const lengths = [own, bucket].map(({ manifest, score, status, inventory, notice }) =>
    [manifest, score(hello), status, inventory, notice].map(({ length }) => length),
  );
  expect(lengths).toEqual([
    [17, 20, 15, 18, 15],
    [58, 64, 15, 18, 25],
  ]);
});
