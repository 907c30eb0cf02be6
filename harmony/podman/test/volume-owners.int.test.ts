// Volumes that outlive their deployment, on a real Podman: the next one of that name gets them only
// if it has the same owner.

import { type Device, eventually, loadImage, makeImage, makeTempFolder, startDevice, type TempFolder } from "@iot/testkit";
import type { BoundVariant } from "@harmony/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

let device: Device;
let folder: TempFolder;
let variant: BoundVariant;

beforeAll(async () => {
  [device, folder] = await Promise.all([startDevice({ name: "pi-01" }), makeTempFolder("volume-owners")]);
  await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/hello:1" }));
  variant = await bindDevice(device, folder.path);
});
afterAll(async () => {
  await device?.stop();
  await folder?.remove();
});

const podman = async (...argv: string[]): Promise<string> => (await device.exec(["podman", ...argv], { user: "iot-agent" })).stdout.trim();
const labels = (): Promise<string> => podman("volume", "inspect", "app_data", "--format", "{{json .Labels}} {{.CreatedAt}}");
const data = { services: [{ name: "web", image: "localhost/hello:1", volumes: ["data:/data"], stopTimeoutSeconds: 1 }] };
/** `owner` null: as an agent of 0.1 asks for it. */
const settle = (owner: string | null, wanted: typeof data | null) =>
  eventually(
    async () => {
      const desired = { name: "app", revision: "1", scoreString: wanted === null ? "" : scoreString(wanted), data: wanted, hold: null };
      const of = owner === null ? {} : { owner };
      const report = await variant.reconcile({ ...desired, ...of }, { signal: AbortSignal.timeout(100_000) });
      return (report.settled || report.phase === "Blocked") && report;
    },
    { what: "it is settled", timeoutMs: 60_000 },
  );

test("a volume of v0.1.0 stays its owner's, byte for byte, and nobody else's", async () => {
  expect(await settle(null, data)).toMatchObject({ phase: "Running" });
  const before = await labels();
  await settle("namespace a of git", null);

  const refused = await settle("namespace b of git", data);
  expect(refused).toMatchObject({ phase: "Blocked", reason: "VolumeOfAnother" });
  expect(refused.message).toContain("podman volume rm app_data");
  expect(await podman("ps", "--all", "--format", "{{.Names}}")).toBe("");
  await settle("namespace b of git", null);
  expect(await labels()).toBe(before);

  expect(await settle("namespace a of git", data)).toMatchObject({ phase: "Running" });
  expect(await labels()).toBe(before);
  await settle("namespace a of git", null);

  await podman("volume", "rm", "app_data");
  expect(await settle("namespace b of git", data)).toMatchObject({ phase: "Running" });
  await settle("namespace b of git", null);
  expect(await settle("namespace a of git", data)).toMatchObject({ phase: "Blocked", reason: "VolumeOfAnother" });
});
