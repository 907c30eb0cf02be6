// A Podman is killed when it has just started a container's network and has not yet recorded it. It
// is Podman 5, whose network is pasta; the slirp4netns of 4.9 ends with the Podman that started it.

import type { BoundVariant } from "@harmony/core";
import {
  type Device,
  eventually,
  loadImage,
  makeImage,
  makeTempFolder,
  podmanKilledAfterPasta,
  type PodmanKilled,
  startDevice,
  type TempFolder,
} from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

let device: Device;
let variant: BoundVariant;
let folder: TempFolder;
let killed: PodmanKilled;
const lost: string[] = [];

beforeAll(async () => {
  device = await startDevice({ name: "pi-03" });
  await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/hello:1" }));
  folder = await makeTempFolder("lost-networks");
  variant = await bindDevice(device, folder.path, { onLost: (path) => lost.push(path) });
  killed = await podmanKilledAfterPasta(shell, device.uid);
  await podman("run", "--detach", "--name", "bystander", "--publish", "8086:8080", "localhost/hello:1");
});
afterAll(async () => {
  await device?.stop();
  await folder?.remove();
});

async function shell(script: string): Promise<string> {
  return (await device.exec(["sh", "-euc", script])).stdout.trim();
}

async function podman(...argv: string[]): Promise<string> {
  return (await device.exec(["podman", ...argv], { user: "iot-agent" })).stdout.trim();
}

async function apply(data: unknown) {
  const wanted = { name: "killed", revision: "1", scoreString: data === null ? "" : scoreString(data), data, hold: null };
  return variant.reconcile(wanted, { signal: AbortSignal.timeout(60_000) });
}

const web = { name: "web", image: "localhost/hello:1", ports: ["8085:8080"], stopTimeoutSeconds: 1 };
const second = { name: "second", image: "localhost/hello:1", stopTimeoutSeconds: 1 };

test.each([
  { network: "of one container", services: [web], lostIn: "/netns/" },
  { network: "that containers share", services: [web, second], lostIn: "/containers/networks/rootless-netns/" },
])("a network $network: nothing of it is left, and no other container notices", async ({ services, lostIn }) => {
  lost.length = 0;
  const bystander = await podman("inspect", "bystander");
  await killed.arm();
  await apply({ services });
  await eventually(async () => (await apply({ services })).settled, { what: "all run" });

  const ids = (await podman("ps", "--quiet", "--filter", "name=killed_")).split("\n");
  expect(ids).toHaveLength(services.length);
  const namespaces = await podman("inspect", "--format", "{{.NetworkSettings.SandboxKey}}", "bystander", ...ids);
  expect((await shell(`ls -d /run/user/${device.uid}/netns/*`)).split("\n").toSorted()).toEqual(namespaces.split("\n").toSorted());
  expect(await shell("pgrep --count pasta")).toBe("2");
  expect(await podman("inspect", "bystander")).toBe(bystander);
  expect(lost.some((path) => path.includes(lostIn))).toBe(true);
  expect(await apply(null)).toMatchObject({ settled: true });
});
