// PodmanV0 against the real Podman of a device, in both versions that devices run. These tests
// check the claims of the planner's model (model-world.ts) about the world.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { BoundVariant, WorkloadReport } from "@harmony/core";
import {
  type Device,
  eventually,
  makeImage,
  makeTempFolder,
  type Registry,
  startDevice,
  startRegistry,
  type TempFolder,
} from "@iot/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

const user = "iot-agent";

describe.each(["5.4", "4.9"] as const)("PodmanV0 on Podman %s", (version) => {
  let device: Device;
  let registry: Registry;
  let locked: Registry;
  let variant: BoundVariant;
  let folder: TempFolder;
  let lastRevision = 0;

  beforeAll(async () => {
    device = await startDevice({ name: "pi-01", podman: version });
    registry = await startRegistry({ host: device.hostAddress });
    locked = await startRegistry({ host: device.hostAddress, credentials: { username: "u", password: "p" } });
    // Podman's service has not read its configuration yet.
    await device.trustRegistry(registry.address);
    await device.trustRegistry(locked.address);
    await registry.push(await makeImage({ reference: "hello:1" }), "hello:1");
    await registry.push(await makeImage({ reference: "hello:2" }), "hello:2");
    await registry.push(await makeImage({ reference: "stubborn:1", behaviour: "ignores-term" }), "stubborn:1");
    await registry.push(await makeImage({ reference: "done:1", behaviour: { exitsWith: 0 } }), "done:1");
    await registry.push(await makeImage({ reference: "broken:1", behaviour: { exitsWith: 3, afterMs: 200 } }), "broken:1");
    folder = await makeTempFolder("podman-v0");
    variant = await bindDevice(device, folder.path);
  });
  afterAll(async () => {
    await registry?.stop();
    await locked?.stop();
    await device?.stop();
    await folder?.remove();
  });
  beforeEach(async () => {
    await registry.up().catch(() => undefined);
    await podman("rm", "--all", "--force", "--time", "0");
    await rm(join(folder.path, "swaps"), { recursive: true, force: true });
  });

  const podman = async (...argv: string[]): Promise<string> => (await device.exec(["podman", ...argv], { user })).stdout.trim();
  const image = (name: string): string => `${registry.address}/${name}`;
  const web = (name: string, more: object = {}) => ({
    services: [{ name: "web", image: image(name), ports: ["8080:8080"], stopTimeoutSeconds: 10, ...more }],
  });
  const page = async (port = 8080): Promise<string> =>
    (await fetch(`http://${device.address}:${port}/`, { signal: AbortSignal.timeout(2_000), headers: { connection: "close" } })).text();
  const pageIs = (text: string, port = 8080) =>
    eventually(async () => (await page(port)).includes(text), { what: `the page says ${text}` });

  /** Reconciles once; gives the last report. `onReport` receives those before it too. */
  const apply = (name: string, data: unknown, more: { onReport?: (report: WorkloadReport) => void; signal?: AbortSignal } = {}) => {
    lastRevision += 1;
    const desired = { name, revision: String(lastRevision), scoreString: data === null ? "" : scoreString(data), data, hold: null };
    const { signal = AbortSignal.timeout(100_000), ...rest } = more;
    return variant.reconcile(desired, { signal, ...rest });
  };
  /**
   * Reconciles as an agent does: again whenever the report asks for it, until nothing is left to
   * do.
   */
  const settle = (name: string, data: unknown) =>
    eventually(
      async () => {
        const report = await apply(name, data);
        return report.settled && report.recheckAfterMs === null ? report : undefined;
      },
      { what: `${name} settles`, timeoutMs: 60_000 },
    );

  test("a first version is pulled, runs, and is left alone from then on", async () => {
    const seen: string[] = [];
    const report = await apply("hello", web("hello:1"), { onReport: ({ phase }) => seen.push(phase) });
    expect(report).toMatchObject({
      phase: "Running",
      message: `running ${image("hello:1")}`,
      runningRevision: String(lastRevision),
      settled: true,
    });
    expect(report.services).toMatchObject([{ name: "web", phase: "Running", image: image("hello:1"), restarts: 0 }]);
    expect([...new Set(seen)]).toEqual(["Pulling", "Starting", "Running"]);
    await pageIs("device=pi-01 deployment=hello service=web version=1");
    const id = await podman("ps", "--quiet", "--no-trunc");
    expect(await podman("ps", "--format", "{{.Names}}")).toBe("hello_web");
    const again = await apply("hello", web("hello:1"));
    expect(again).toMatchObject({ phase: "Running", runningRevision: String(lastRevision), settled: true, recheckAfterMs: null });
    expect(await podman("ps", "--quiet", "--no-trunc")).toBe(id);
    expect(await variant.workloads(AbortSignal.timeout(5_000))).toEqual([
      { name: "hello", revision: String(lastRevision - 1), scoreString: scoreString(web("hello:1")) },
    ]);
  });

  test("another image takes over, and nothing of the old one is left when it has proved itself", async () => {
    await apply("hello", web("hello:1"));
    await pageIs("version=1");
    expect(await apply("hello", web("hello:2"))).toMatchObject({ phase: "Starting", reason: "OnTrial" });
    await pageIs("version=2");
    expect(await podman("ps", "--all", "--format", "{{.Names}}", "--sort", "names")).toBe("hello_web\nhello_web.old");
    expect(await settle("hello", web("hello:2"))).toMatchObject({ phase: "Running", message: `running ${image("hello:2")}` });
    expect(await podman("ps", "--all", "--format", "{{.Names}}")).toBe("hello_web");
  });

  test.each([
    ["creating the new container", 1],
    ["recording the trial", 2],
    ["stopping the old one", 3],
    ["starting the new one", 4],
    ["renaming the old one", 5],
    ["renaming the new one", 6],
  ])("a swap cut short before %s is taken up where it was left", async (_, step) => {
    // The port of the test before may be held for a moment more.
    await eventually(async () => (await apply("hello", web("hello:1"))).phase === "Running", { what: "the old version runs" });
    const cut = new AbortController();
    let begun = 0;
    const onReport = (): void => {
      begun += 1;
      if (begun === step) cut.abort(new Error("cut short"));
    };
    await expect(apply("hello", web("hello:2"), { onReport, signal: cut.signal })).rejects.toThrow("cut short");
    expect(await apply("hello", web("hello:2"))).toMatchObject({ phase: "Starting", reason: "OnTrial" });
    await pageIs("version=2");
    expect(await podman("ps", "--all", "--format", "{{.Names}}", "--sort", "names")).toBe("hello_web\nhello_web.old");
  });

  test("an image that does not exist blocks, and the old one goes on", async () => {
    await apply("hello", web("hello:1"));
    await pageIs("version=1");
    const report = await apply("hello", web("hello:404"));
    expect(report).toMatchObject({ phase: "Blocked", reason: "ImageNotFound", settled: false, recheckAfterMs: null });
    expect(report.message).toBe(
      `image "${image("hello:404")}" does not exist in its registry: correct the image or its tag in the deployment, or push the image; ${image("hello:1")} keeps running`,
    );
    expect(report.services).toMatchObject([{ phase: "Running", image: image("hello:1") }]);
    await pageIs("version=1");
    await registry.push(await makeImage({ reference: "hello:404" }), "hello:404");
    expect(await apply("hello", web("hello:404"))).toMatchObject({ reason: "OnTrial" });
    await pageIs("version=404");
  });

  test("a registry that is down blocks", async () => {
    await registry.down();
    const report = await apply("hello", web("hello:9"));
    expect(report).toMatchObject({ phase: "Blocked", reason: "RegistryUnreachable" });
    expect(report.message).toContain(registry.address);
  });

  test("a registry that wants a login blocks, and what the sentence says repairs it", async () => {
    await locked.push(await makeImage({ reference: "hello:1" }), "hello:1");
    const score = { services: [{ name: "web", image: `${locked.address}/hello:1` }] };
    const report = await apply("hello", score);
    expect(report).toMatchObject({ phase: "Blocked", reason: "RegistryDenied" });
    const command = /`(sudo .*)`/.exec(report.message)?.[1] ?? "";
    expect(command).toContain(locked.address);
    // The options stand for what a person types at the prompts.
    await device.exec(["sh", "-c", command.replace("podman login", "podman login --username u --password p")]);
    expect(await apply("hello", score)).toMatchObject({ phase: "Running" });
  });

  test("a transfer that breaks off is tried again", async () => {
    await registry.push(await makeImage({ reference: "big:1", ballastMegabytes: 1 }), "big:1");
    registry.failHalfWay(true);
    const report = await apply("hello", web("big:1"));
    registry.failHalfWay(false);
    expect(report).toMatchObject({ phase: "Blocked", reason: "RegistryUnreachable" });
    expect(await apply("hello", web("big:1"))).toMatchObject({ phase: "Running" });
  });

  test("a port that another deployment holds blocks and names it; it is taken when it is free", async () => {
    await apply("first", web("hello:1"));
    const report = await apply("second", web("hello:1"));
    expect(report).toMatchObject({ phase: "Blocked", reason: "PortInUse", runningRevision: null });
    expect(report.message).toContain('in use by deployment "first"');
    await apply("first", null);
    expect(await apply("second", web("hello:1"))).toMatchObject({ phase: "Running" });
  });

  test("a port that something else holds blocks, and what is not ours is not touched", async () => {
    await apply("warm", web("hello:1", { ports: [] }));
    await podman("run", "--detach", "--name", "mine", "--publish", "8080:8080", image("hello:1"));
    const mine = await podman("inspect", "mine", "--format", "{{.Id}} {{.State.StartedAt}}");
    const report = await apply("hello", web("hello:1"));
    expect(report).toMatchObject({ phase: "Blocked", reason: "PortInUse" });
    expect(report.message).toContain("host port 8080");
    expect(await apply("hello", null)).toMatchObject({ settled: true });
    expect(await podman("inspect", "mine", "--format", "{{.Id}} {{.State.StartedAt}}")).toBe(mine);
  });

  test("a foreign container of the same name blocks", async () => {
    await apply("warm", web("hello:1", { ports: [] }));
    await podman("create", "--name", "hello_web", image("hello:1"));
    const report = await apply("hello", web("hello:1"));
    expect(report).toMatchObject({ phase: "Blocked", reason: "NameInUse" });
    expect(report.message).toContain("podman rm hello_web");
  });

  test("services of one deployment find each other by name; without its second service it has no network", async () => {
    const pair = { services: [...web("hello:1").services, { name: "db", image: image("hello:2"), stopTimeoutSeconds: 10 }] };
    const report = await apply("hello", pair);
    expect(report).toMatchObject({ phase: "Running", message: `web: running ${image("hello:1")}, db: running ${image("hello:2")}` });
    const ask = async (): Promise<string> =>
      podman("exec", "hello_web", "/bin/sh", "-c", "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc db 8080");
    expect(await eventually(ask, { what: "db answers web" })).toContain("service=db version=2");
    await pageIs("service=web");
    expect(await podman("network", "ls", "--format", "{{.Name}}")).toContain("hello_default");
    expect(await settle("hello", web("hello:1"))).toMatchObject({ phase: "Running", settled: true });
    expect(await podman("network", "ls", "--format", "{{.Name}}")).not.toContain("hello_default");
    await pageIs("service=web");
  });

  test("a change of one service leaves the other running", async () => {
    const pair = (tag: string) => ({ services: [...web(tag).services, { name: "db", image: image("hello:1"), stopTimeoutSeconds: 10 }] });
    await apply("hello", pair("hello:1"));
    const db = await podman("inspect", "hello_db", "--format", "{{.Id}}");
    expect(await settle("hello", pair("hello:2"))).toMatchObject({ phase: "Running", runningRevision: String(lastRevision) });
    await pageIs("version=2");
    expect(await podman("inspect", "hello_db", "--format", "{{.Id}}")).toBe(db);
  });

  test.each([
    ["stopped", ["stop", "hello_web"]],
    ["killed", ["kill", "hello_web"]],
    ["paused", ["pause", "hello_web"]],
    ["removed", ["rm", "--force", "hello_web"]],
    ["renamed", ["rename", "hello_web", "other"]],
  ])("a container that was %s by hand is put right", async (_, argv) => {
    await apply("hello", web("hello:1"));
    await pageIs("version=1");
    await podman(...argv);
    expect(await settle("hello", web("hello:1"))).toMatchObject({ phase: "Running" });
    await pageIs("version=1");
    expect(await podman("ps", "--all", "--format", "{{.Names}}")).toBe("hello_web");
  });

  test("with restart: unless-stopped a person's stop is respected, and a crash is not", async () => {
    const data = web("hello:1", { restart: "unless-stopped" });
    await apply("hello", data);
    await podman("stop", "hello_web");
    const held = await apply("hello", data);
    expect(held).toMatchObject({ phase: "Held", reason: "StoppedByHand", settled: true });
    expect(held.message).toContain("podman start hello_web");
    await podman("start", "hello_web");
    expect(await apply("hello", data)).toMatchObject({ phase: "Running" });
    // Podman sees a process that ends by itself.
    await device.exec(["sh", "-c", "kill -9 $(podman inspect hello_web --format '{{.State.Pid}}')"], { user });
    const isBack = async (): Promise<boolean> =>
      (await apply("hello", data)).runningRevision !== null && (await page()).includes("version=1");
    await eventually(isBack, { what: "it is back", timeoutMs: 20_000 });
  });

  test("what ignores its stop signal is killed after stopTimeoutSeconds", async () => {
    await apply("hello", web("stubborn:1", { stopTimeoutSeconds: 1 }));
    const begun = performance.now();
    expect(await apply("hello", null)).toMatchObject({ settled: true, reason: "Removed", message: "removed" });
    expect(performance.now() - begun).toBeGreaterThan(900);
    expect(await podman("ps", "--all", "--quiet")).toBe("");
  });

  test("a volume outlives its deployment, and the report says so", async () => {
    const data = web("hello:1", { volumes: ["data:/data"] });
    await apply("hello", data);
    await podman("exec", "hello_web", "/bin/sh", "-c", "echo kept > /data/file");
    expect((await apply("hello", null)).message).toBe(
      'removed; its volume "hello_data" is kept on the device (`iot-agent podman volume rm hello_data` deletes it)',
    );
    await apply("hello", data);
    expect(await podman("exec", "hello_web", "/bin/sh", "-c", "cat /data/file")).toBe("kept");
  });

  test("a service with a health check runs when it is healthy, and is degraded when it is not", async () => {
    // The test runs the check, since the Podman 4.9 that is built for tests has no systemd and so
    // no timers.
    const check = () => device.exec(["podman", "healthcheck", "run", "hello_web"], { user, allowExitCodes: [0, 1] });
    const healthcheck = { test: ["CMD", "/bin/sh", "-c", "test ! -e /tmp/ill || exit 1"], interval: "1h", retries: 1 };
    const data = web("hello:1", { healthcheck });
    await apply("hello", data);
    await check();
    expect(await apply("hello", data)).toMatchObject({ phase: "Running", services: [{ health: "healthy" }] });
    await podman("exec", "hello_web", "/bin/sh", "-c", "echo > /tmp/ill");
    await check();
    expect(await apply("hello", data)).toMatchObject({ phase: "Degraded", reason: "Unhealthy", services: [{ health: "unhealthy" }] });
  });

  test("a job that ended well is not run again", async () => {
    const data = { services: [{ name: "job", image: image("done:1"), restart: "no" }] };
    await apply("hello", data);
    const report = await eventually(
      async () => {
        const report = await apply("hello", data);
        return report.reason === "Completed" ? report : undefined;
      },
      { what: "it has ended" },
    );
    expect(report).toMatchObject({ phase: "Running", message: `completed ${image("done:1")}`, settled: true });
    expect(await apply("hello", data)).toMatchObject({ reason: "Completed" });
  });

  test("a job that ended badly says its last words", async () => {
    const data = { services: [{ name: "job", image: image("broken:1"), restart: false }] };
    await apply("hello", data);
    const report = await eventually(
      async () => {
        const report = await apply("hello", data);
        return report.phase === "Failed" ? report : undefined;
      },
      { what: "it has ended" },
    );
    expect(report.message).toBe(
      'service "job" ended with exit code 3 and its restart policy does not start it again; its last line: version 1 ends with 3; `iot-agent podman logs hello_job` shows more: correct the program, or what the deployment gives it, and push',
    );
  });

  test("a service that keeps ending is degraded", async () => {
    const data = { services: [{ name: "web", image: image("broken:1") }] };
    const report = await eventually(
      async () => {
        const report = await apply("hello", data);
        return report.services.some(({ restarts = 0 }) => restarts > 1) ? report : undefined;
      },
      { what: "it has been restarted" },
    );
    expect(report).toMatchObject({ phase: "Degraded", reason: "Restarting" });
    expect(report.message).toContain("version 1 ends with 3");
    expect(await apply("hello", web("hello:1"))).toMatchObject({ phase: "Running" });
  });

  test("a program that does not exist is reported in its words", async () => {
    const report = await apply("hello", web("hello:1", { entrypoint: ["/no/such"] }));
    expect(report).toMatchObject({ phase: "Failed", reason: "StartFailed" });
    expect(report.message).toContain("/no/such");
  });

  test("everything that a service can say reaches its container", async () => {
    const report = await apply(
      "hello",
      web("hello:1", {
        ports: ["127.0.0.1:8081:8080", "8082:53/udp"],
        env: { GREETING: "good day" },
        tmpfs: ["/tmp:size=1m"],
        restart: "on-failure:3",
        stopSignal: "SIGINT",
        stopTimeoutSeconds: 7,
        init: false,
        user: "1000:1000",
        workingDir: "/tmp",
        readOnly: true,
        volumes: ["www:/www"],
        resources: { memory: "64Mi", cpus: 0.5, pids: 20 },
        healthcheck: { test: "true", interval: "1m", timeout: "5s", retries: 2, startPeriod: "10s", onFailure: "restart" },
      }),
    );
    expect(report.phase).toBe("Starting");
    const fields = [
      "Config.User",
      "Config.WorkingDir",
      "Config.StopTimeout",
      "Config.HealthcheckOnFailureAction",
      "HostConfig.ReadonlyRootfs",
      "HostConfig.RestartPolicy.Name",
      "HostConfig.RestartPolicy.MaximumRetryCount",
    ];
    const inspect = (...names: string[]) => podman("inspect", "hello_web", "--format", names.map((name) => `{{.${name}}}`).join(" "));
    expect(await inspect(...fields)).toBe("1000:1000 /tmp 7 restart true on-failure 3");
    // 4.9 gives a number, 5.x a name.
    expect(["2", "SIGINT"]).toContain(await inspect("Config.StopSignal"));
    const env = await inspect("Config.Env");
    for (const variable of ["GREETING=good day", "IOT_DEVICE_ID=pi-01", "IOT_DEPLOYMENT=hello", "IOT_SERVICE=web"])
      expect(env).toContain(variable);
  });
});
