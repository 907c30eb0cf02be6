// Deployments that exchange their ports, on the real Podman of a device: in one push, with one that
// fails, with one that is not there, and with the agent killed at one step after another.

import type { BoundVariant, WorkloadReport } from "@harmony/core";
import { KeyedQueue } from "@harmony/runtime";
import { type Device, eventually, loadImage, makeImage, makeTempFolder, startDevice, type TempFolder } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

const user = "iot-agent";
type Wanted = Readonly<Record<string, unknown>>;

describe.each(["5.4", "4.9"] as const)("on Podman %s", (version) => {
  let device: Device;
  let variant: BoundVariant;
  let folder: TempFolder;
  let revision = 0;

  beforeAll(async () => {
    device = await startDevice({ name: "pi-04", podman: version });
    for (const name of ["hello:1", "hello:2", "hello:3"])
      await loadImage(device.podmanSocket, await makeImage({ reference: `localhost/${name}` }));
    await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/ends:1", behaviour: { exitsWith: 3, afterMs: 500 } }));
    folder = await makeTempFolder("exchange");
    variant = await bindDevice(device, folder.path);
  });
  afterAll(async () => {
    await device?.stop();
    await folder?.remove();
  });

  const web = (image: string, port: number) => ({
    services: [{ name: "web", image: `localhost/${image}`, ports: [`${port}:8080`], stopTimeoutSeconds: 10 }],
  });
  const podman = async (...argv: string[]): Promise<string> => (await device.exec(["podman", ...argv], { user })).stdout.trim();
  const running = (): Promise<string> => podman("ps", "--format", "{{.Names}} {{.Image}} {{.Ports}}", "--sort", "names");
  const says = async (port: number): Promise<string> =>
    (await fetch(`http://${device.address}:${port}/`, { signal: AbortSignal.timeout(2_000), headers: { connection: "close" } })).text();

  /**
   * Reconciles each by itself, as the workers of an agent do, when something may have changed,
   * until all reports satisfy `isDone`. `killAfter`: the agent is gone after so many reports;
   * whether it was.
   */
  async function agent(wanted: Wanted, isDone: (report: WorkloadReport) => boolean, killAfter = Infinity): Promise<boolean> {
    const ended = new AbortController();
    const { promise: isKilled, resolve, reject } = Promise.withResolvers<boolean>();
    const names = Object.keys(wanted);
    const last = new Map<string, WorkloadReport>();
    let reports = 0;
    const onReport = (): void => {
      reports += 1;
      if (reports < killAfter) return;
      void queue.close();
      resolve(true);
    };
    revision += 1;
    const queue = new KeyedQueue<string>({
      handle: async (name, signal) => {
        const data = wanted[name];
        const desired = { name, revision: String(revision), scoreString: scoreString(data), data, hold: null };
        const report = await variant.reconcile(desired, { signal, onReport });
        last.set(name, report);
        if (last.size === names.length && [...last.values()].every(isDone)) resolve(false);
        return report.recheckAfterMs;
      },
      onError: (_name, error) => reject(error),
    });
    const seen = (): string => [...last].map(([one, { phase, message }]) => `${one} ${phase}: ${message}`).join("; ");
    AbortSignal.timeout(60_000).addEventListener("abort", () => reject(new Error(`not within a minute: ${seen()}`)));
    const watching = variant.watch((name) => names.includes(name) && queue.add(name), ended.signal);
    for (const name of names) queue.add(name);
    try {
      return await isKilled;
    } finally {
      ended.abort();
      await queue.close();
      await Promise.allSettled([watching]);
      if (reports >= killAfter) variant = await bindDevice(device, folder.path);
    }
  }
  const isRunning = ({ phase, settled, recheckAfterMs }: WorkloadReport): boolean =>
    phase === "Running" && settled && recheckAfterMs === null;

  const ahead = { north: web("hello:1", 8301), south: web("hello:2", 8302) };
  const crossed = { north: web("hello:1", 8302), south: web("hello:2", 8301) };

  test("two exchange theirs in one push", { timeout: 120_000 }, async () => {
    await agent(ahead, isRunning);
    await agent(crossed, isRunning);
    expect(await says(8301)).toContain("version=2");
    expect(await says(8302)).toContain("version=1");
    expect((await podman("ps", "--all", "--format", "{{.Names}}", "--sort", "names")).split("\n")).toEqual(["north_web", "south_web"]);
  });

  test("three pass theirs on", { timeout: 120_000 }, async () => {
    await agent({ ...crossed, west: web("hello:3", 8303) }, isRunning);
    await agent({ north: web("hello:1", 8303), south: web("hello:2", 8302), west: web("hello:3", 8301) }, isRunning);
    expect([await says(8301), await says(8302), await says(8303)].map((text) => /version=\d/.exec(text)?.[0])).toEqual([
      "version=3",
      "version=2",
      "version=1",
    ]);
    const west = { name: "west", revision: "", scoreString: "", data: null, hold: null };
    await variant.reconcile(west, { signal: AbortSignal.timeout(30_000) });
  });

  test("one that does not stay up takes both back", { timeout: 120_000 }, async () => {
    await agent(ahead, isRunning);
    const isBack = ({ phase, settled, recheckAfterMs }: WorkloadReport): boolean =>
      phase === "RolledBack" && settled && recheckAfterMs === null;
    await agent({ north: web("ends:1", 8302), south: web("hello:3", 8301) }, isBack);
    expect(await says(8301)).toContain("version=1");
    expect(await says(8302)).toContain("version=2");
  });

  test("one that is not there keeps both where they are, and the other says why", { timeout: 120_000 }, async () => {
    await agent(ahead, isRunning);
    const before = await podman("ps", "--quiet", "--no-trunc");
    const said = new Map<string, string>();
    const isBlocked = (report: WorkloadReport): boolean => {
      said.set(report.reason, report.message);
      return report.phase === "Blocked" && (report.reason !== "PortInUse" || report.message.includes("is not: "));
    };
    await agent({ north: web("hello:none", 8302), south: web("hello:2", 8301) }, isBlocked);
    expect(said.get("PortInUse")).toContain(
      `"north" and "south" exchange their ports: all change at once when each is ready; "north" is not: registry localhost of image "localhost/hello:none" cannot be reached`,
    );
    expect(await podman("ps", "--quiet", "--no-trunc")).toBe(before);
    await agent(ahead, isRunning);
  });

  test("the agent is killed at one step after another", { timeout: 600_000 }, async () => {
    await agent(ahead, isRunning);
    let [from, to]: [Wanted, Wanted] = [ahead, crossed];
    // Not at each, for each takes some seconds: the model has them all.
    for (let killAfter = 2, isKilled = true; isKilled; killAfter += version === "5.4" ? 7 : 15) {
      isKilled = await agent(to, isRunning, killAfter);
      await agent(to, isRunning);
      const names = await eventually(running, { what: "what runs" });
      expect({ killAfter, names: names.split("\n").map((line) => line.split(" ")[0]) }).toEqual({
        killAfter,
        names: ["north_web", "south_web"],
      });
      expect(await says(to === crossed ? 8302 : 8301)).toContain("version=1");
      [from, to] = [to, from];
    }
  });
});
