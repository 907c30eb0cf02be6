// New versions fail, in each way that a version can, on the real Podman of a device: the old one
// serves again, and says why. Each test has a deployment and a port of its own, so that those that
// wait can wait together.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BoundVariant, Hold, WorkloadReport } from "@harmony/core";
import { type Device, eventually, loadImage, makeImage, makeTempFolder, startDevice, type TempFolder } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

const user = "iot-agent";
const IMAGES = {
  "hello:1": "serves",
  "hello:2": "serves",
  "stubborn:1": "ignores-term",
  "ends:1": { exitsWith: 3, afterMs: 1_000 },
  "ends-at-once:1": { exitsWith: 4 },
} as const;

describe.each(["5.4", "4.9"] as const)("on Podman %s", (version) => {
  let device: Device;
  let variant: BoundVariant;
  let folder: TempFolder;
  const corrupt: string[] = [];
  const bindAgain = async (): Promise<void> => {
    variant = await bindDevice(device, folder.path, { onCorrupt: ({ keptAs }) => corrupt.push(keptAs) });
  };

  beforeAll(async () => {
    device = await startDevice({ name: "pi-03", podman: version });
    for (const [name, behaviour] of Object.entries(IMAGES))
      await loadImage(device.podmanSocket, await makeImage({ reference: `localhost/${name}`, behaviour }));
    folder = await makeTempFolder("trial");
    await bindAgain();
  });
  afterAll(async () => {
    await device?.stop();
    await folder?.remove();
  });

  let revision = 0;
  const apply = (
    name: string,
    data: unknown,
    more: { hold?: Hold; onReport?: (report: WorkloadReport) => void; signal?: AbortSignal } = {},
  ) => {
    const { hold = null, ...rest } = more;
    revision += 1;
    const desired = { name, revision: String(revision), scoreString: data === null ? "" : scoreString(data), data, hold };
    return variant.reconcile(desired, { signal: AbortSignal.timeout(100_000), ...rest });
  };
  /** Reconciles as an agent does, until the report says so. */
  const until = (name: string, data: unknown, phase: WorkloadReport["phase"], reason?: string) =>
    eventually(
      async () => {
        const report = await apply(name, data);
        if (report.phase === phase && (reason === undefined || report.reason === reason)) return report;
        throw new Error(`${report.phase} ${report.reason}: ${report.message}`);
      },
      { what: `${name} is ${phase}`, timeoutMs: 60_000, intervalMs: 200 },
    );
  const web = (image: string, port: number, more: object = {}) => ({
    services: [{ name: "web", image: `localhost/${image}`, ports: [`${port}:8080`], stopTimeoutSeconds: 10, ...more }],
  });
  const podman = async (...argv: string[]): Promise<string> => (await device.exec(["podman", ...argv], { user })).stdout.trim();
  const names = (name: string): Promise<string> =>
    podman("ps", "--all", "--format", "{{.Names}}", "--sort", "names", "--filter", `name=^${name}_`);
  const serves = (port: number, text: string) =>
    eventually(
      async () =>
        (
          await (
            await fetch(`http://${device.address}:${port}/`, { signal: AbortSignal.timeout(2_000), headers: { connection: "close" } })
          ).text()
        ).includes(text),
      { what: `port ${port} says ${text}` },
    );
  const startList = (name: string): Promise<string> => readFile(join(folder.path, "start", name), "utf8");

  describe("side by side", { concurrent: true }, () => {
    test("what ends is stopped, and the same container of the old version serves again; a changed Score is tried", async () => {
      await apply("ends", web("hello:1", 8101));
      const id = await podman("inspect", "ends_web", "--format", "{{.Id}}");
      const report = await until("ends", web("ends:1", 8101), "RolledBack");
      expect(report).toMatchObject({ reason: "Exited", settled: true });
      expect(report.message).toMatch(
        /^running localhost\/hello:1; localhost\/ends:1 failed: it ended with exit code 3( and was restarted)?; its last lines: version 1 ends with 3( \| version 1 ends with 3)*; it is not tried again until the deployment changes or a person asks: `iot-agent retry ends`$/,
      );
      await serves(8101, "version=1");
      expect(await names("ends")).toBe("ends_web");
      expect(await podman("inspect", "ends_web", "--format", "{{.Id}}")).toBe(id);
      expect(await apply("ends", web("ends:1", 8101))).toMatchObject({ phase: "RolledBack", settled: true });
      expect(await apply("ends", web("hello:2", 8101))).toMatchObject({ reason: "OnTrial" });
      await serves(8101, "version=2");
      expect(await until("ends", web("hello:2", 8101), "Running")).toMatchObject({ settled: true });
      expect(await names("ends")).toBe("ends_web");
      expect(await startList("ends")).toBe("ends_web\n");
    });

    test("what cannot be started gives way at once, and is tried again when a person asks", async () => {
      await apply("start", web("hello:1", 8102));
      const bad = web("hello:2", 8102, { entrypoint: ["/no/such"] });
      const report = await apply("start", bad);
      expect(report).toMatchObject({ phase: "RolledBack", reason: "StartFailed" });
      expect(report.message).toMatch(/^running localhost\/hello:1; localhost\/hello:2 failed: it could not be started: .*\/no\/such/);
      await serves(8102, "version=1");
      expect(await names("start")).toBe("start_web");
      const created = await podman("inspect", "start_web", "--format", "{{.State.StartedAt}}");
      await apply("start", bad);
      expect(await podman("inspect", "start_web", "--format", "{{.State.StartedAt}}")).toBe(created);
      await variant.retry("start", AbortSignal.timeout(5_000));
      expect(await apply("start", bad)).toMatchObject({ phase: "RolledBack", reason: "StartFailed" });
      expect(await podman("inspect", "start_web", "--format", "{{.State.StartedAt}}")).not.toBe(created);
    });

    test("what is unhealthy gives way", async () => {
      await apply("ill", web("hello:1", 8103));
      const ill = web("hello:2", 8103, { healthcheck: { test: ["CMD", "/bin/sh", "-c", "exit 1"], interval: "1h", retries: 1 } });
      await apply("ill", ill);
      // The test runs the check, since the Podman 4.9 that is built for tests has no systemd and so
      // no timers.
      await device.exec(["podman", "healthcheck", "run", "ill_web"], { user, allowExitCodes: [0, 1, 125] });
      expect((await until("ill", ill, "RolledBack", "Unhealthy")).message).toContain("failed: its health check fails");
      await serves(8103, "version=1");
    });

    test("a port that something else holds lets the old one serve, and nothing is held against the new one", async () => {
      await apply("port", web("hello:1", 8104));
      await podman("run", "--detach", "--name", "mine", "--publish", "8105:8080", "localhost/hello:2");
      const both = web("hello:2", 8104, { ports: ["8104:8080", "8105:8080"] });
      const report = await apply("port", both);
      expect(report).toMatchObject({ phase: "Blocked", reason: "PortInUse" });
      expect(report.message).toContain("localhost/hello:1 keeps running");
      await serves(8104, "version=1");
      expect(await apply("port", both)).toMatchObject({ phase: "Blocked", reason: "PortInUse" });
      await podman("rm", "--force", "--time", "0", "mine");
      await variant.retry("port", AbortSignal.timeout(5_000));
      await until("port", both, "Starting", "OnTrial");
      await serves(8105, "version=2");
    });

    test("a change of several services is gone back from as a whole", async () => {
      const trio = (db: string) => ({
        services: [
          ...web(db === "hello:1" ? "hello:1" : "hello:2", 8106).services,
          { name: "db", image: `localhost/${db}`, stopTimeoutSeconds: 10 },
        ],
      });
      await apply("both", trio("hello:1"));
      const report = await until("both", trio("ends-at-once:1"), "RolledBack");
      expect(report.message).toContain('localhost/ends-at-once:1 of service "db" failed: it ended with exit code 4');
      await serves(8106, "version=1");
      expect(await names("both")).toBe("both_db\nboth_web");
    });

    test("a first version that keeps ending is started again with time between, and never given up", async () => {
      const ending = { services: [{ name: "web", image: "localhost/ends-at-once:1" }] };
      const report = await until("loop", ending, "Degraded", "CrashLoop");
      expect(report.message).toMatch(
        /^service "web" keeps ending, last with exit code 4, and is started again at \d\d:\d\d:\d\d UTC\S* \(try 2\); its last line: version 1 ends with 4; `iot-agent podman logs \w+_web` shows more: correct the program, or what the deployment gives it, and push$/,
      );
      expect(await startList("loop")).toBe("loop_web\n");
      const recorded = (): Promise<string> => readFile(join(folder.path, "swaps", "loop.json"), "utf8");
      const before = await recorded();
      await variant.retry("loop", AbortSignal.timeout(5_000));
      await eventually(
        async () => {
          const { message } = await apply("loop", ending);
          // The wait counts from the start: it has been started at once, and has ended again.
          const isAgain = message.includes("is started again at") && message.includes("(try 2)") && (await recorded()) !== before;
          return isAgain ? true : Promise.reject(new Error(message));
        },
        { what: "it has ended again", timeoutMs: 30_000, intervalMs: 200 },
      );
      await apply("loop", null);
      expect(await readdir(join(folder.path, "swaps"))).not.toContain("loop.json");
      expect(await readdir(join(folder.path, "start"))).not.toContain("loop");
    });

    test("a hold stops it, also over an agent that starts anew, and its end starts it again whatever its restart policy", async () => {
      const polite = web("hello:1", 8107, { restart: "unless-stopped" });
      await apply("held", polite);
      const hold = { reason: "calibration", until: new Date(Date.now() + 3_600_000).toISOString() };
      const report = await apply("held", polite, { hold });
      expect(report).toMatchObject({ phase: "Held", reason: "Held", settled: true, runningRevision: null });
      expect(report.message).toMatch(/^held until .*\d\d:\d\d UTC\S* by a person: calibration; `iot-agent release held` ends it$/);
      await expect(startList("held")).rejects.toThrow("ENOENT");
      expect(await apply("held", web("hello:2", 8107), { hold })).toMatchObject({ phase: "Held" });
      expect(await podman("inspect", "held_web", "--format", "{{.State.Status}}")).toBe("exited");
      expect(await apply("held", polite)).toMatchObject({ phase: "Running" });
      await serves(8107, "version=1");
      expect(await startList("held")).toBe("held_web\n");
    });

    test("a service that ignores its stop signal is reported, with the time that it has left", async () => {
      await apply("deaf", web("stubborn:1", 8108, { stopTimeoutSeconds: 7 }));
      const reports: string[] = [];
      await apply("deaf", web("hello:2", 8108), { onReport: ({ phase, message }) => reports.push(`${phase}: ${message}`) });
      expect(reports).toContain('Stopping: stopping container "deaf_web", which may take up to 7 s');
      expect(reports).toContain('Stopping: container "deaf_web" has been asked to stop 5 s ago and has not; it is killed in 2 s');
      await serves(8108, "version=2");
    });

    test("the cure that is pushed while a deaf service is waited for ends the wait", async () => {
      const [name, port] = ["cured", 8120];
      const stops = { stopTimeoutSeconds: 300 };
      await apply(name, web("stubborn:1", port, stops));
      const outOfDate = new AbortController();
      const said = Promise.withResolvers<string>();
      const onReport = ({ phase, message }: WorkloadReport): void => {
        if (phase !== "Stopping" || !message.includes("has been asked to stop")) return;
        said.resolve(message);
        // As an agent does when a newer Score arrives.
        outOfDate.abort(new Error("out of date"));
      };
      const waiting = apply(name, web("hello:2", port, stops), { onReport, signal: outOfDate.signal });
      await expect(waiting).rejects.toThrow("out of date");
      expect(await said.promise).toContain("because its process 1 does not hear its stop signal; it is killed in 5 min: push `init: true`");
      const begunMs = performance.now();
      expect(await apply(name, web("hello:2", port, { stopTimeoutSeconds: 1 }))).toMatchObject({ reason: "OnTrial" });
      expect(performance.now() - begunMs).toBeLessThan(100_000);
      await serves(port, "version=2");
    });

    test("a corrupt journal is kept aside, nothing is removed, and the trial goes on from what the labels say", async () => {
      await apply("torn", web("hello:1", 8109));
      await apply("torn", web("hello:2", 8109));
      const file = join(folder.path, "swaps", "torn.json");
      await writeFile(file, (await readFile(file, "utf8")).slice(0, 100));
      expect(await apply("torn", web("hello:2", 8109))).toMatchObject({ reason: "OnTrial" });
      expect(corrupt).toEqual([`${file}.corrupt`]);
      expect(await names("torn")).toBe("torn_web\ntorn_web.old");
      expect(await until("torn", web("hello:2", 8109), "Running")).toMatchObject({ settled: true });
      expect(await names("torn")).toBe("torn_web");
    });
  });

  test("a version during whose trial the device goes down three times is gone back from", async () => {
    await apply("cut", web("hello:1", 8110));
    for (const count of [1, 2, 3]) {
      const report = await apply("cut", web("hello:2", 8110));
      expect(report, `cut ${count}`).toMatchObject({ reason: "OnTrial" });
      await device.powerOff();
      await device.powerOn();
      await bindAgain();
    }
    const report = await apply("cut", web("hello:2", 8110));
    expect(report).toMatchObject({ phase: "RolledBack", reason: "DeviceWentDown" });
    expect(report.message).toContain("localhost/hello:2 failed: the device went down 3 times while it was tried");
    await serves(8110, "version=1");
    expect(await names("cut")).toBe("cut_web");
  });
});
