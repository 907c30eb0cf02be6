// The bucket as it was at a moment, against a real server: what was written since is shown by
// device, and no view gives anything that is newer than itself.

import { asDeploymentName } from "@iot/contracts";
import { eventually } from "@iot/testkit";
import { expect, test } from "vitest";
import { openDesiredState } from "../src/index.ts";
import { deviceA, deviceB, silent, startFleet } from "./nats-setup.ts";

const hello = asDeploymentName("hello");
const other = asDeploymentName("other");
const signal = AbortSignal.timeout(100_000);

test("a view tells which devices were written, and gives nothing newer than itself", async () => {
  await using fleet = await startFleet("plain");
  const messaging = await fleet.operator();
  const store = await openDesiredState(messaging, { log: silent });
  const put = async (device: typeof deviceA, deployment: typeof hello, scoreString: string, expectedRevision = 0): Promise<void> =>
    expect(await store.putScore({ device, deployment, scoreString, expectedRevision })).toMatchObject({ ok: true });
  await put(deviceA, hello, "1");
  await put(deviceB, hello, "1");

  const first = await store.view(signal);
  expect(first.changed).toBeNull();
  expect(first.read("all")?.scores.size).toBe(2);
  expect((await store.view(signal)).changed).toEqual(new Set());

  await put(deviceA, other, "2");
  const second = await store.view(signal);
  expect(second.changed).toEqual(new Set([deviceA]));
  expect([...(second.read(new Set([deviceA]))?.scores.keys() ?? [])]).toEqual(["dev-a.hello", "dev-a.other"]);
  // At the moment of the first, one device is as it was, and the other is not.
  expect(first.read(new Set([deviceB]))?.scores.get("dev-b.hello")?.scoreString).toBe("1");
  expect([first.read(new Set([deviceA])), first.read("all")]).toEqual([null, null]);

  messaging.connection.publish("$KV.desired-state.no.device.of.ours", "x");
  await messaging.connection.flush();
  expect((await store.view(signal)).changed).toBeNull();
  expect((await store.view(signal)).changed).toEqual(new Set());

  await fleet.nats.down();
  await fleet.nats.start();
  await eventually(async () => (await store.view(signal)).changed === null, { what: "the bucket is read anew" });
  expect([second.read(new Set([deviceB])), second.read("all")]).toEqual([null, null]);
  await store.close();
});
