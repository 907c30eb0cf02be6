// A program says "not now", on the real Podman of a device: nothing that is wished for stops its
// container while it is at work. Each test has a deployment of its own.

import type { BoundVariant, WorkloadReport } from "@harmony/core";
import { type Device, eventually, loadImage, makeImage, makeTempFolder, startDevice, type TempFolder } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

const user = "iot-agent";
const FILE = "/run/iot/busy";

describe.each(["5.4", "4.9"] as const)("on Podman %s", (version) => {
  let device: Device;
  let variant: BoundVariant;
  let folder: TempFolder;

  beforeAll(async () => {
    device = await startDevice({ name: "pi-06", podman: version });
    for (const name of ["hello:1", "hello:2"]) await loadImage(device.podmanSocket, await makeImage({ reference: `localhost/${name}` }));
    await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/ends:1", behaviour: { exitsWith: 3, afterMs: 4_000 } }));
    folder = await makeTempFolder("at-work");
    variant = await bindDevice(device, folder.path);
  });
  afterAll(async () => {
    await device?.stop();
    await folder?.remove();
  });

  let revision = 0;
  const apply = (name: string, data: unknown, on: BoundVariant = variant): Promise<WorkloadReport> => {
    revision += 1;
    const desired = { name, revision: String(revision), scoreString: data === null ? "" : scoreString(data), data, hold: null };
    return on.reconcile(desired, { signal: AbortSignal.timeout(60_000) });
  };
  const until = (name: string, data: unknown, isSo: (report: WorkloadReport) => boolean) =>
    eventually(
      async () => {
        const report = await apply(name, data);
        if (isSo(report)) return report;
        throw new Error(`${report.phase} ${report.reason}: ${report.message}`);
      },
      { what: `${name} is so`, timeoutMs: 60_000, intervalMs: 200 },
    );
  const isRunning = ({ phase, settled }: WorkloadReport): boolean => phase === "Running" && settled;
  const web = (image: string, more: object = {}) => ({
    services: [{ name: "web", image: `localhost/${image}`, busy: { atMost: "1h" }, stopTimeoutSeconds: 1, ...more }],
  });
  const podman = async (...argv: string[]): Promise<string> => (await device.exec(["podman", ...argv], { user })).stdout.trim();
  const begin = (container: string) => podman("exec", container, "touch", FILE);
  const end = (container: string) => podman("exec", container, "busybox", "rm", FILE);
  const started = (container: string) => podman("inspect", container, "--format", "{{.Id}} {{.State.StartedAt}}");
  const runs = (name: string) => podman("ps", "--format", "{{.Names}} {{.Image}}", "--filter", `name=^${name}_`);
  const BUSY = { phase: "Blocked", reason: "Busy", settled: false, recheckAfterMs: 5_000 };

  test("any user of a container may say so, also where its root file system is read-only, and nobody else sees it", async () => {
    await apply("user", web("hello:1", { user: "1234:1234", readOnly: true }));
    await begin("user_web");
    expect(await podman("exec", "user_web", "ls", "-n", FILE)).toContain("1234");
    expect(await apply("user", web("hello:2", { user: "1234:1234", readOnly: true }))).toMatchObject(BUSY);
    await podman("exec", "user_web", "sh", "-c", "! busybox dd if=/dev/zero of=/run/iot/much bs=1k count=100 2>/dev/null");
    await end("user_web");
    await podman("exec", "user_web", "busybox", "rm", "/run/iot/much");
    await until("user", web("hello:2", { user: "1234:1234", readOnly: true }), isRunning);
  });

  test("a new version waits, also for an agent that starts anew, and is there when the file goes", async () => {
    await apply("swap", web("hello:1"));
    await begin("swap_web");
    const before = await started("swap_web");
    const said = await apply("swap", web("hello:2"));
    expect(said).toMatchObject(BUSY);
    expect(said.message).toMatch(
      /^web is at work since \d\d:\d\d \S+; the new version waits, at the latest until \d\d:\d\d \S+: `iot-agent switch swap` does not wait; localhost\/hello:1 keeps running$/,
    );
    expect((await apply("swap", web("hello:2"), await bindDevice(device, folder.path))).message).toBe(said.message);
    expect(await started("swap_web")).toBe(before);
    await end("swap_web");
    await until("swap", web("hello:2"), isRunning);
    expect(await runs("swap")).toBe("swap_web localhost/hello:2");
  });

  test("a removal waits, and a person who does not wait has it done", async () => {
    await apply("gone", web("hello:1"));
    await begin("gone_web");
    expect(await apply("gone", null)).toMatchObject(BUSY);
    expect(await runs("gone")).toBe("gone_web localhost/hello:1");
    variant.switchNow("gone");
    expect(await apply("gone", null)).toMatchObject({ reason: "Removed", settled: true });
  });

  test("what it may take ends: the time of the Score, the container, the container as Podman started it anew", async () => {
    for (const name of ["late", "dead", "anew"]) {
      await apply(name, web("hello:1", { restart: "always" }));
      await begin(`${name}_web`);
    }
    expect(await apply("late", web("hello:2", { busy: { atMost: "3s" } }))).toMatchObject(BUSY);
    expect(await apply("dead", web("hello:2"))).toMatchObject(BUSY);
    expect(await apply("anew", web("hello:2"))).toMatchObject(BUSY);
    await until("late", web("hello:2", { busy: { atMost: "3s" } }), isRunning);
    await podman("stop", "--time", "1", "dead_web");
    await until("dead", web("hello:2"), isRunning);
    await podman("restart", "--time", "1", "anew_web");
    await until("anew", web("hello:2"), isRunning);
  });

  test("one that a person has paused is not stopped either", async () => {
    await apply("paused", web("hello:1"));
    await podman("pause", "paused_web");
    expect(await apply("paused", web("hello:2"))).toMatchObject(BUSY);
    await podman("unpause", "paused_web");
    await until("paused", web("hello:2"), isRunning);
  });

  test("the way back waits for what is at work of the version that failed", async () => {
    const both = (image: string, other: string) => ({
      services: [web(image).services[0], { name: "side", image: `localhost/${other}`, stopTimeoutSeconds: 1 }],
    });
    await until("back", both("hello:1", "hello:1"), isRunning);
    expect(await apply("back", both("hello:2", "ends:1"))).toMatchObject({ reason: "OnTrial" });
    await begin("back_web");
    const report = await until("back", both("hello:2", "ends:1"), ({ reason }) => reason === "Busy");
    expect(report.message).toContain("the last good version waits");
    expect(await runs("back")).toContain("back_web localhost/hello:2");
    await end("back_web");
    await until("back", both("hello:2", "ends:1"), ({ phase, settled }) => phase === "RolledBack" && settled);
    expect((await runs("back")).split("\n").toSorted()).toEqual(["back_side localhost/hello:1", "back_web localhost/hello:1"]);
  });

  test("those that exchange their ports wait for the one that is at work", async () => {
    const at = (image: string, port: number) => web(image, { ports: [`${port}:8080`] });
    await apply("north", at("hello:1", 8401));
    await apply("south", at("hello:1", 8402));
    await begin("north_web");
    const before = [await started("north_web"), await started("south_web")];
    for (const _ of [1, 2, 3]) {
      await apply("north", at("hello:2", 8402));
      await apply("south", at("hello:2", 8401));
    }
    expect(await apply("north", at("hello:2", 8402))).toMatchObject(BUSY);
    const south = await apply("south", at("hello:2", 8401));
    expect(south.reason).toBe("PortInUse");
    expect(south.message).toContain('"north" is not: web is at work since ');
    expect([await started("north_web"), await started("south_web")]).toEqual(before);
    await end("north_web");
    await eventually(
      async () => {
        const reports = [await apply("north", at("hello:2", 8402)), await apply("south", at("hello:2", 8401))];
        return reports.every(isRunning);
      },
      { what: "both have changed", timeoutMs: 60_000, intervalMs: 200 },
    );
  });

  test("a reboot ends the work, and what waits goes on; what is at work again has the rest of its time", async () => {
    await apply("boot", web("hello:1"));
    await apply("again", web("hello:1"));
    for (const name of ["boot", "again"]) {
      await begin(`${name}_web`);
      expect(await apply(name, web("hello:2"))).toMatchObject(BUSY);
    }
    const said = (await apply("again", web("hello:2"))).message;
    await device.powerOff();
    await device.powerOn();
    // As the unit of the start list does before the agent is there.
    await podman("start", "boot_web", "again_web");
    await begin("again_web");
    variant = await bindDevice(device, folder.path);
    expect((await apply("again", web("hello:2"))).message).toBe(said);
    await until("boot", web("hello:2"), isRunning);
    expect(await runs("again")).toBe("again_web localhost/hello:1");
  });
});
