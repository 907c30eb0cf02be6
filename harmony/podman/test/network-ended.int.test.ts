// The process that serves a container's ports is killed under it: Podman goes on to call the
// container running, and nobody reaches it.

import type { BoundVariant, WorkloadReport } from "@harmony/core";
import { type Device, eventually, loadImage, makeImage, makeTempFolder, startDevice, type TempFolder } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

const web = { name: "web", image: "localhost/hello:1", ports: ["8085:8080"], stopTimeoutSeconds: 1, restart: "unless-stopped" };
const second = { name: "second", image: "localhost/hello:1", stopTimeoutSeconds: 1 };
const other = { name: "other", image: "localhost/hello:1", ports: ["8086:8080"], stopTimeoutSeconds: 1 };

describe.each(["5.4", "4.9"] as const)("a network that ends, on Podman %s", (version) => {
  let device: Device;
  let folder: TempFolder;
  let variant: BoundVariant;

  beforeAll(async () => {
    device = await startDevice({ name: "pi-03", podman: version });
    // 4.9 would take slirp4netns, and serve all ports by processes that look the same.
    await device.writeFile("/home/iot-agent/.config/containers/containers.conf", '[network]\ndefault_rootless_network_cmd = "pasta"\n');
    await device.exec(["systemctl", "--user", "stop", "podman.service"], { user: "iot-agent" });
    await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/hello:1" }));
    folder = await makeTempFolder("network-ended");
    variant = await bindDevice(device, folder.path);
  });
  afterAll(async () => {
    await device?.stop();
    await folder?.remove();
  });

  const apply = (name: string, data: unknown, onReport: (report: WorkloadReport) => void = () => undefined): Promise<WorkloadReport> =>
    variant.reconcile(
      { name, revision: "1", scoreString: data === null ? "" : scoreString(data), data, hold: null },
      { signal: AbortSignal.timeout(60_000), onReport },
    );
  const page = async (port: number): Promise<string> =>
    (await fetch(`http://${device.address}:${port}/`, { signal: AbortSignal.timeout(2_000), headers: { connection: "close" } })).text();
  const startedAt = async (name: string): Promise<string> =>
    (await device.exec(["podman", "inspect", "--format", "{{.State.StartedAt}}", name], { user: "iot-agent" })).stdout;

  test.each([
    { network: "of its own", services: [web], serving: "pasta .*8085-8085" },
    { network: "that it shares", services: [web, second], serving: "^rootlessport" },
  ])("a container with a network $network is started again, and no other", async ({ services, serving }) => {
    await eventually(async () => (await apply("bystander", { services: [other] })).settled, { what: "the bystander runs" });
    await eventually(async () => (await apply("cut", { services })).settled, { what: "all run" });
    await eventually(() => page(8085), { what: "it answers" });
    const before = await startedAt("bystander_other");

    await device.exec(["pkill", "-KILL", "--full", serving]);
    await eventually(async () => (await page(8085).catch(() => null)) === null, { what: "it answers no more" });
    const reports: WorkloadReport[] = [];
    const isWell = async (): Promise<boolean> => {
      await apply("bystander", { services: [other] });
      await apply("cut", { services }, (report) => reports.push(report));
      return reports.some(({ reason }) => reason === "NetworkLost") && (await page(8085)).includes("service=web");
    };
    await eventually(isWell, { what: "it answers again", timeoutMs: 60_000, intervalMs: 500 });
    expect(reports.find(({ reason }) => reason === "NetworkLost")).toMatchObject({ phase: "Degraded" });
    expect(await startedAt("bystander_other")).toBe(before);
    expect(await apply("cut", null)).toMatchObject({ settled: true });
  });
});
