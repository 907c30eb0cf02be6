// What an image says of itself counts before its container takes over, on both versions of Podman:
// the paths that it declares as VOLUME, and its processor.

import type { BoundVariant, WorkloadReport } from "@harmony/core";
import { type Device, eventually, loadImage, makeImage, makeTempFolder, startDevice, type TempFolder } from "@iot/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import * as z from "zod/mini";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

const user = "iot-agent";

describe.each(["5.4", "4.9"] as const)("on Podman %s", (version) => {
  let device: Device;
  let folder: TempFolder;
  let variant: BoundVariant;
  let lastRevision = 0;
  beforeAll(async () => {
    device = await startDevice({ name: "pi-05", podman: version });
    folder = await makeTempFolder("image-says");
    for (const tag of ["1", "2"])
      await loadImage(device.podmanSocket, await makeImage({ reference: `localhost/kept:${tag}`, volumes: ["/data", "/var/lib/app/"] }));
    const other = process.arch === "arm64" ? "amd64" : "arm64";
    await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/kept:other", architecture: other }));
    variant = await bindDevice(device, folder.path);
  });
  afterAll(async () => {
    await device?.stop();
    await folder?.remove();
  });
  beforeEach(async () => {
    await apply(null);
    await podman("volume", "prune", "--force");
    await podman("volume", "rm", "--all", "--force");
  });

  const podman = async (...argv: string[]): Promise<string> => (await device.exec(["podman", ...argv], { user })).stdout.trim();
  const volumes = async (): Promise<string[]> => (await podman("volume", "ls", "--quiet")).split("\n").filter(Boolean).toSorted();
  const inside = (script: string) => podman("exec", "app_s", "sh", "-c", script);
  const apply = (data: unknown, owner = "namespace a of git"): Promise<WorkloadReport> => {
    lastRevision += 1;
    const desired = {
      name: "app",
      revision: String(lastRevision),
      scoreString: data === null ? "" : scoreString(data),
      data,
      hold: null,
      owner,
    };
    return variant.reconcile(desired, { signal: AbortSignal.timeout(60_000) });
  };
  const settle = (data: unknown) =>
    eventually(async () => (await apply(data)).settled, { what: "it is settled", timeoutMs: 30_000, intervalMs: 200 });
  const service = (tag: string, more: object = {}) => ({
    services: [{ name: "s", image: `localhost/kept:${tag}`, stopTimeoutSeconds: 1, ...more }],
  });
  /** It has taken over, and is on trial. */
  const expectOnTrial = async (data: unknown): Promise<void> => expect(await apply(data)).toMatchObject({ reason: "OnTrial" });

  test("what an image keeps in its VOLUMEs outlives an update and the deployment, in volumes with names, and no other is left", async () => {
    await settle(service("1"));
    await inside("echo ours > /data/a; echo theirs > /var/lib/app/b");
    await expectOnTrial(service("2"));
    expect(await inside("cat /data/a /var/lib/app/b")).toBe("ours\ntheirs");
    expect(await volumes()).toEqual(["app_s.data", "app_s.var-lib-app"]);
    await settle(null);
    expect(await apply(service("2"), "namespace b of git")).toMatchObject({ phase: "Blocked", reason: "VolumeOfAnother" });
    await settle(service("1"));
    expect(await inside("cat /data/a")).toBe("ours");
  });

  test("a volume that the Score puts there wins", async () => {
    await settle(service("1", { volumes: ["mine:/data"], tmpfs: ["/var/lib/app"] }));
    expect(await volumes()).toEqual(["app_mine"]);
  });

  test("the volume without a name that a container of an earlier agent has is passed on, with what is in it", async () => {
    await settle(service("1"));
    // The container as v0.1.0 makes it: the same labels, and no volume is named.
    const labels = z.parse(
      z.record(z.string(), z.string()),
      JSON.parse(await podman("inspect", "--format", "{{json .Config.Labels}}", "app_s")),
    );
    await podman("rm", "--force", "--time=0", "app_s");
    await podman("volume", "rm", "--all");
    const ofAgent = Object.entries(labels).filter(([key]) => /\.(deployment|service|revision|score)$/.test(key));
    await podman(
      "create",
      "--name=app_s",
      "--restart=always",
      ...ofAgent.map(([key, value]) => `--label=${key}=${value}`),
      "localhost/kept:1",
    );
    await settle(service("1"));
    await inside("echo before > /data/a");
    const before = await volumes();
    expect(before).toHaveLength(2);
    await expectOnTrial(service("2"));
    expect(await inside("cat /data/a")).toBe("before");
    expect(await volumes()).toEqual(before);
    await settle(null);
    expect(await volumes()).toEqual(before);
  });

  test("an image for another processor is refused while the old one runs on", async () => {
    await settle(service("1"));
    const startedAt = await podman("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", "app_s");
    const told = await apply(service("other"));
    expect(told).toMatchObject({ phase: "Blocked", reason: "WrongArchitecture" });
    expect(told.message).toContain(`the image is for ${process.arch === "arm64" ? "amd64" : "arm64"}`);
    expect(await podman("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", "app_s")).toBe(startedAt);
    expect(await podman("ps", "--all", "--format", "{{.Names}}")).toBe("app_s");
  });
});
