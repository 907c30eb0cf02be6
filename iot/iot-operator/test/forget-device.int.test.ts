// A device that is gone for good, from the push that no longer names it to the list that no longer
// shows it, on a real server.

import { createLog } from "@harmony/runtime";
import { asDeviceId } from "@iot/contracts";
import { judgeFleet } from "@iot/fleet";
import { askOperators, openKnownDevices, openStatusStore, readAudit } from "@iot/messaging";
import { eventually, makeGitRepository, startNats } from "@iot/testkit";
import { expect, onTestFinished, test } from "vitest";
import { forgetDevice, SILENT_FOR_MS } from "../src/record/forget-device.ts";
import { openBucket, runOperator } from "./running-operator.ts";
import { statusOf } from "./status-of.ts";
import { workload } from "./workload.ts";

const signal = AbortSignal.timeout(100_000);

test("a device that is gone is forgotten after a day and not before, one that was misspelt at once", async () => {
  const nats = await startNats();
  onTestFinished(() => nats.stop());
  const repository = await makeGitRepository();
  onTestFinished(() => repository.remove());
  const bucket = await openBucket(nats.url);
  const statuses = await openStatusStore(bucket.messaging, { log: createLog({ name: "test", level: "error" }) });
  const push = async (devices: readonly string[]): Promise<void> => {
    await repository.commit({ "a.yaml": workload("hello", { devices }) });
    await repository.push();
  };
  await push(["pi-1", "pi-7", "pi-o1"]);
  const operator = await runOperator({ natsUrl: nats.url, gitUrl: repository.url });
  await eventually(async () => (await bucket.manifest("pi-o1")) !== undefined, { what: "the operator has written" });
  await bucket.putStatus(statusOf("pi-7", { hello: { revision: 1 } }));
  const listed = async (): Promise<string[]> =>
    judgeFleet(await bucket.snapshot(), await statuses.list(signal)).devices.map(({ device }) => device);
  const forget = async (device: string): Promise<string> =>
    (await askOperators(bucket.messaging, "forget", { device }, signal)).map(({ done, message }) => `${done}: ${message}`).join();

  expect(await forget("pi-7")).toMatch(/^false: "pi-7" is meant to run hello: take it out of their targetDevices and push/);
  await push(["pi-1"]);
  operator.poke();
  await eventually(async () => Object.keys((await bucket.manifest("pi-o1"))?.deployments ?? { more: 1 }).length === 0);
  await eventually(async () => Object.keys((await bucket.manifest("pi-7"))?.deployments ?? { more: 1 }).length === 0);
  expect(await forget("pi-7")).toMatch(/^false: "pi-7" reported \d+ s ago, and a device is forgotten after 24 h of silence/);
  expect(await forget("pi-0")).toMatch(/^false: nothing is known of a device "pi-0": do you mean "pi-/);
  expect(await forget("Pi 7")).toMatch(/^false: device id "Pi 7" has "P"/);
  expect(await listed()).toEqual(["pi-1", "pi-7", "pi-o1"]);

  expect(await forget("pi-o1")).toBe("true: git:test forgets the device pi-o1, which has never reported");
  expect(await listed()).toEqual(["pi-1", "pi-7"]);
  const [event] = await readAudit(bucket.messaging, 1);
  expect(event).toMatchObject({ what: "forget", source: "git:test", message: expect.stringContaining("pi-o1") as unknown });

  const tomorrow = {
    desired: bucket.store,
    devices: openKnownDevices(bucket.messaging),
    nowMs: Date.now() + SILENT_FOR_MS + 60_000,
    signal,
  };
  expect(await forgetDevice("pi-7", tomorrow)).toEqual({
    kind: "forgotten",
    message: "forgets the device pi-7, which has been silent for 24 h",
  });
  expect(await listed()).toEqual(["pi-1"]);
  // It is a device as any other when it is named again.
  await push(["pi-1", "pi-7"]);
  operator.poke();
  await eventually(async () => (await bucket.manifest("pi-7"))?.deployments["hello"] !== undefined, { what: "it is named again" });
  expect(await listed()).toEqual(["pi-1", asDeviceId("pi-7")]);
});
