// A disk is full to the last byte, and the agent and Podman share it. The old version serves again
// after a new one that fills the disk, and unused images are pruned for a container that finds no
// room.

import type { BoundVariant, WorkloadReport } from "@harmony/core";
import { type Device, eventually, loadImage, makeImage, type Registry, startDevice, startRegistry } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

const user = "iot-agent";
const DISK = `/home/${user}/.local/share/containers`;

describe.each(["5.4", "4.9"] as const)("a full disk, on Podman %s", (version) => {
  let device: Device;
  let registry: Registry;
  let variant: BoundVariant;

  beforeAll(async () => {
    device = await startDevice({ name: "pi-03", podman: version });
    await device.exec(["systemctl", "--user", "stop", "podman.socket", "podman.service"], { user });
    await device.exec(["mount", "--mkdir", "-t", "tmpfs", "-o", "size=320m,mode=0700,uid=1000,gid=1000", "disk", DISK]);
    await device.exec(["systemctl", "--user", "start", "podman.socket"], { user });
    await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/hello:1" }));
    registry = await startRegistry({ host: device.hostAddress });
    await device.trustRegistry(registry.address);
    await registry.push(await makeImage({ reference: "past:1", ballastMegabytes: 8 }), "past:1");
    variant = await bindDevice(device, device.pathOnHost(`${DISK}/agent`));
  });
  afterAll(async () => {
    await registry?.stop();
    await device?.stop();
  });

  const apply = (data: unknown, name = "web", onReport: (report: WorkloadReport) => void = () => undefined): Promise<WorkloadReport> =>
    variant.reconcile(
      { name, revision: "1", scoreString: data === null ? "" : scoreString(data), data, hold: null },
      { signal: AbortSignal.timeout(100_000), onReport },
    );
  const web = (more: object) => ({
    services: [{ name: "hello", image: "localhost/hello:1", ports: ["8080:8080"], stopTimeoutSeconds: 1, ...more }],
  });

  test("a version that fills it is gone back from, and what it filled is free again", async () => {
    expect(await apply(web({}))).toMatchObject({ phase: "Running" });
    const filling = web({ restart: "no", entrypoint: ["/bin/sh", "-c", "sleep 1; cat /dev/zero > /filler; exit 1"] });
    const isBack = async (): Promise<true> => {
      const { phase, message } = await apply(filling);
      if (phase !== "RolledBack") throw new Error(`it is ${phase}: ${message}`);
      return true;
    };
    await eventually(isBack, { what: "it is rolled back", timeoutMs: 60_000, intervalMs: 200 });
    const page = async (): Promise<string> =>
      (await fetch(`http://${device.address}:8080/`, { signal: AbortSignal.timeout(2_000), headers: { connection: "close" } })).text();
    expect(await eventually(page, { what: "it answers" })).toContain("version=1");
    const [, availableKib = ""] = (await device.exec(["df", "--output=avail", DISK])).stdout.split("\n");
    expect(Number(availableKib)).toBeGreaterThan(10_000);
  });

  test("a container that finds no room is made when images that nothing uses are gone, as far as all deployments were looked at; else it is blocked", async () => {
    const past = { services: [{ name: "past", image: `${registry.address}/past:1`, entrypoint: ["/bin/true"], restart: "no" }] };
    const isGood = async (): Promise<true> => {
      await apply(past, "past");
      // The journal makes its reserve then. Without it Podman cannot remove an image from a disk
      // that has not a byte left.
      await device.exec(["test", "-e", `${DISK}/agent/swaps/.reserve`]);
      return true;
    };
    await eventually(isGood, { what: "the past is good", intervalMs: 200 });
    await apply(null, "past");
    const fill = () => device.exec(["bash", "-c", `cat /dev/zero >${DISK}/filler; true`], { user });
    const images = async (): Promise<string> => (await device.exec(["podman", "images", "--format", "{{.Repository}}"], { user })).stdout;
    expect(await images()).toContain("past");

    await fill();
    variant = await bindDevice(device, device.pathOnHost(`${DISK}/agent`));
    variant.expect(["past", "second"]);
    expect(await apply(web({ ports: [] }), "second")).toMatchObject({ phase: "Blocked", reason: "DiskFull" });
    // The deployment is looked at, and needs nothing any more.
    await apply(null, "past");

    const reports: WorkloadReport[] = [];
    const second = await apply(web({ ports: [] }), "second", (report) => reports.push(report));
    expect(second).toMatchObject({ phase: "Running" });
    expect(reports.find(({ reason }) => reason === "MakingRoom")?.message).toContain(
      'which nothing uses, to make room for the containers of deployment "second"',
    );
    expect(reports.map(({ reason }) => reason)).not.toContain("DiskFull");
    expect(await images()).not.toContain("past");

    await fill();
    expect(await apply(web({ ports: [] }), "third")).toMatchObject({ phase: "Blocked", reason: "DiskFull" });
    await device.exec(["rm", `${DISK}/filler`]);
    expect(await apply(web({ ports: [] }), "third")).toMatchObject({ phase: "Running" });
  });
});
