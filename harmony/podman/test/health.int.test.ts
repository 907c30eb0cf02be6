// A health check that never answers, on both versions of Podman: it hangs, or has no interval. The
// Podman 4.9 that is built for tests has no systemd and so runs no check at all, which is the same.

import type { BoundVariant, WorkloadReport } from "@harmony/core";
import { type Device, eventually, loadImage, makeImage, makeTempFolder, startDevice, type TempFolder } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

const user = "iot-agent";

describe.each(["5.4", "4.9"] as const)("on Podman %s", (version) => {
  let device: Device;
  let folder: TempFolder;
  let variant: BoundVariant;
  beforeAll(async () => {
    device = await startDevice({ name: "pi-06", podman: version });
    folder = await makeTempFolder("health");
    await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/hello:1" }));
    variant = await bindDevice(device, folder.path);
  });
  afterAll(async () => {
    await device?.stop();
    await folder?.remove();
  });

  const podman = async (...argv: string[]): Promise<string> => (await device.exec(["podman", ...argv], { user })).stdout.trim();
  const web = (healthcheck: unknown) => ({ services: [{ name: "web", image: "localhost/hello:1", stopTimeoutSeconds: 1, healthcheck }] });
  const apply = (name: string, data: unknown): Promise<WorkloadReport> =>
    variant.reconcile({ name, revision: "1", scoreString: scoreString(data), data, hold: null }, { signal: AbortSignal.timeout(60_000) });
  const until = (name: string, data: unknown, is: (report: WorkloadReport) => Promise<boolean>) =>
    eventually(
      async () => {
        const report = await apply(name, data);
        return (await is(report)) ? report : undefined;
      },
      { what: `${name} is so`, timeoutMs: 30_000, intervalMs: 500 },
    );

  test("is Degraded after its deadline, and onFailure acts; `none` has no check", async () => {
    const hangs = web({ test: "echo still looking; sleep 100000", interval: "1s", timeout: "1s", retries: 1 });
    const acts = web({ test: "sleep 100000", interval: "1s", timeout: "1s", retries: 1, onFailure: "restart" });
    const never = web({ test: "true", interval: "0s", timeout: "1s", retries: 1 });
    const startedAt = () => podman("inspect", "--format", "{{.State.StartedAt}}", "acts_web");
    for (const [name, data] of Object.entries({ hangs, never, acts })) expect((await apply(name, data)).phase).toBe("Starting");
    const first = await startedAt();
    expect((await apply("none", web("none"))).phase).toBe("Running");
    expect(await podman("inspect", "--format", "{{json .Config.Healthcheck.Test}}", "none_web")).toBe('["NONE"]');

    const degraded = await until("hangs", hangs, ({ phase }) => Promise.resolve(phase === "Degraded"));
    expect(degraded).toMatchObject({ reason: "Unhealthy", settled: true });
    expect(degraded.message).toMatch(/^service "web" runs, but its health check has not answered within 7 s/);
    const told = await until("never", never, ({ phase }) => Promise.resolve(phase === "Degraded"));
    expect(told.message).toContain("its health check never runs, since its interval is 0s");
    await until("acts", acts, async () => (await startedAt()) !== first);
    expect(await podman("inspect", "--format", "{{.State.Status}}", "acts_web")).toBe("running");
  });

  test("explain has what the last check said, and its exit code", async () => {
    const data = web({ test: ["CMD", "/bin/sh", "-c", "echo no route to host; exit 3"], interval: "1h", retries: 1 });
    // Podman gives each check that fails the code 1.
    await apply("ill", data);
    await device.exec(["podman", "healthcheck", "run", "ill_web"], { user, allowExitCodes: [0, 1] });
    const desired = { name: "ill", revision: "1", scoreString: scoreString(data), data, hold: null };
    const { observed, report } = await variant.explain(desired, AbortSignal.timeout(20_000));
    expect(report.message).toMatch(
      /^service "web" runs, but its health check fails \(exit code 1: no route to host\); .* shows more: correct /,
    );
    expect(observed.join("\n")).toContain("its last health check ended with exit code 1: no route to host");
  });
});
