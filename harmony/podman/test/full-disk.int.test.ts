// A new version that fills the disk, which is the agent's and Podman's alike: the old one serves again all the same.

import type { BoundVariant, WorkloadReport } from "@harmony/core";
import { type Device, eventually, loadImage, makeImage, startDevice } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

const user = "iot-agent";
const DISK = `/home/${user}/.local/share/containers`;

describe.each(["5.4", "4.9"] as const)("a disk that a version fills, on Podman %s", (version) => {
  let device: Device;
  let variant: BoundVariant;

  beforeAll(async () => {
    device = await startDevice({ name: "pi-03", podman: version });
    await device.exec(["systemctl", "--user", "stop", "podman.socket", "podman.service"], { user });
    await device.exec(["mount", "--mkdir", "-t", "tmpfs", "-o", "size=64m,mode=0700,uid=1000,gid=1000", "disk", DISK]);
    await device.exec(["systemctl", "--user", "start", "podman.socket"], { user });
    await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/hello:1" }));
    variant = await bindDevice(device, device.pathOnHost(`${DISK}/agent`));
  });
  afterAll(() => device?.stop());

  const apply = (data: unknown): Promise<WorkloadReport> =>
    variant.reconcile(
      { name: "web", revision: "1", scoreString: scoreString(data), data, hold: null },
      { signal: AbortSignal.timeout(100_000) },
    );
  const web = (more: object) => ({
    services: [{ name: "hello", image: "localhost/hello:1", ports: ["8080:8080"], stopTimeoutSeconds: 1, ...more }],
  });

  test("it is gone back from, and what it filled is free again", async () => {
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
});
