import { asDeviceId, type DeviceInventory } from "@iot/contracts";
import { expect, test } from "vitest";
import { SharedId } from "./shared-id.ts";

const of = (bootId: string): DeviceInventory => ({
  device: "pi-7",
  agentVersion: "1",
  bootId,
  architecture: "arm64",
  capabilities: [],
  labels: {},
  facts: {},
});
const [own, other] = [of("3f9a1c77-0000"), of("77be0233-1111")];

test("its own boot is found, or nothing can be read: it is alone", () => {
  const shared = new SharedId(asDeviceId("pi-7"), own.bootId);
  expect([shared.found(null), shared.found(own)]).toEqual([
    { isOther: false, problem: null },
    { isOther: false, problem: null },
  ]);
});

test("another's is found: both boots are named, until for three readings there was no other", () => {
  const shared = new SharedId(asDeviceId("pi-7"), own.bootId);
  const { isOther, problem } = shared.found(other);
  expect(isOther).toBe(true);
  expect(problem).toEqual({
    reason: "DeviceIdInUse",
    message:
      'another device reports as "pi-7" too (boot 77be02; this one is of boot 3f9a1c), as a copied card makes them: give one of them an id of its own (agent.device_id in /etc/iot-agent/config.toml)',
  });
  expect([shared.found(own), shared.found(null), shared.found(own)].map((found) => found.problem?.reason)).toEqual([
    "DeviceIdInUse",
    "DeviceIdInUse",
    "DeviceIdInUse",
  ]);
  expect(shared.isShared).toBe(true);
  expect(shared.found(own).problem).toBeNull();
  expect(shared.isShared).toBe(false);
});
