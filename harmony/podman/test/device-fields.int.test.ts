// A service uses the device itself, on both versions of Podman: device nodes and their groups, host
// paths, the host's network, capabilities, logging.

import type { BoundVariant, WorkloadReport } from "@harmony/core";
import { type Device, eventually, loadImage, makeImage, makeTempFolder, startDevice, type TempFolder } from "@iot/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

const user = "iot-agent";
const LINK = "/dev/serial/by-id/usb-ACME_Meter-if00";

describe.each(["5.4", "4.9"] as const)("on Podman %s", (version) => {
  let device: Device;
  let folder: TempFolder;
  let open: BoundVariant;
  let closed: BoundVariant;
  let lastRevision = 0;
  beforeAll(async () => {
    device = await startDevice({ name: "pi-04", podman: version });
    folder = await makeTempFolder("device-fields");
    await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/hello:1" }));
    await device.exec(["usermod", "--append", "--groups", "dialout", user]);
    // The restart stands for the reboot that provisioning ends with: a user who was logged in still
    // has the groups of before.
    await device.exec(["systemctl", "restart", `user@${device.uid}.service`]);
    const policy = {
      hostPaths: ["/srv/*"],
      devices: ["/dev/serial/by-id/*", "/dev/bus/usb"],
      hostNetwork: true,
      capabilities: ["NET_ADMIN"],
    };
    open = await bindDevice(device, folder.path, { policy });
    closed = await bindDevice(device, folder.path);
  });
  afterAll(async () => {
    await device?.stop();
    await folder?.remove();
  });
  beforeEach(async () => {
    await apply(null);
  });

  const podman = async (...argv: string[]): Promise<string> => (await device.exec(["podman", ...argv], { user })).stdout.trim();
  const sh = async (script: string): Promise<string> => (await device.exec(["sh", "-c", script])).stdout.trim();
  const apply = (data: unknown, on: BoundVariant = open): Promise<WorkloadReport> => {
    lastRevision += 1;
    return on.reconcile(
      { name: "app", revision: String(lastRevision), scoreString: data === null ? "" : scoreString(data), data, hold: null },
      { signal: AbortSignal.timeout(60_000) },
    );
  };
  const expectRunning = async (data: unknown): Promise<void> => {
    const { phase, message } = await apply(data);
    expect({ phase, message }).toEqual({ phase: "Running", message: "running localhost/hello:1" });
  };
  /** Runs it as a first version, beside which nothing is kept. */
  const expectRunningAnew = async (data: unknown): Promise<void> => {
    await apply(null);
    await expectRunning(data);
  };
  const web = (more: object) => ({ services: [{ name: "web", image: "localhost/hello:1", stopTimeoutSeconds: 1, ...more }] });
  const says = (script: string, more: object = {}) =>
    web({ entrypoint: ["/bin/sh", "-c", `${script}; trap 'exit 0' TERM; sleep 1000 & wait`], ...more });
  const expectLog = (what: RegExp) =>
    eventually(async () => what.exec(await podman("logs", "--tail", "1", "app_web"))?.[0], { what: `the log says ${String(what)}` });
  /** Makes nodes that dialout alone may use: one gives zeros, the other noise. */
  const plugIn = (name: "ttyZero" | "ttyNoise") =>
    sh(
      `mknod --mode=0660 /dev/${name} c 1 ${name === "ttyZero" ? 5 : 9} && chgrp dialout /dev/${name} && mkdir -p /dev/serial/by-id && ln -s ../../${name} ${LINK}`,
    );
  const unplug = () => sh(`rm -f ${LINK} /dev/ttyZero /dev/ttyNoise`);

  /** What the kernel says of a process in the container, and of what is mounted at /t. */
  const bounds =
    'echo $(busybox grep NoNewPrivs /proc/self/status) $(busybox grep " /t " /proc/mounts) pids $(busybox cat /sys/fs/cgroup/pids.max 2>/dev/null)';

  test("a container gets no new privileges, no setuid programs and devices in a tmpfs, and at most 2048 processes, unless its Score says so", async () => {
    // Where no controller counts processes, nothing can limit them.
    const hasController = (await podman("info", "--format", "{{json .Host.CgroupControllers}}")).includes('"pids"');
    const pids = (limit: number): string => (hasController ? `pids ${limit}` : "");
    await expectRunningAnew(says(bounds, { tmpfs: ["/t:size=1m"] }));
    await expectLog(new RegExp(`^NoNewPrivs: 1 tmpfs /t tmpfs (?=\\S*nosuid)(?=\\S*nodev)(?=\\S*size=1024k).*${pids(2048)}`));
    await apply(null);
    const loose = says(bounds, { tmpfs: ["/t:suid,dev"], noNewPrivileges: false, resources: { pids: 3000 } });
    expect(await apply(loose)).toMatchObject({ phase: "Running" });
    await expectLog(new RegExp(`^NoNewPrivs: 0 tmpfs /t tmpfs (?!\\S*nosuid)(?!\\S*nodev).*${pids(3000)}`));
  });

  test("a Score over a limit is Rejected with the field and the limit, and what runs is left alone", async () => {
    await expectRunningAnew(web({}));
    const life = (): Promise<string> => podman("inspect", "app_web", "--format", "{{.Id}} {{.State.StartedAt}} {{.State.Status}}");
    const before = await life();
    const addresses = Array.from({ length: 257 }, (_, index) => `${20_000 + index}:80`);
    const overLimit: [data: object, says: RegExp][] = [
      [web({ ports: addresses }), /services\[0\]\.ports: .*256/],
      [{ services: Array.from({ length: 65 }, (_, index) => ({ name: `s${index}`, image: "localhost/hello:1" })) }, /services: .*64/],
      [web({ resources: { pids: 4_194_305 } }), /services\[0\]\.resources\.pids: .*4194304/],
      [web({ tmpfs: Array.from({ length: 65 }, (_, index) => `/t${index}`) }), /services\[0\]\.tmpfs: .*64/],
    ];
    for (const [data, what] of overLimit) {
      const told = await apply(data);
      expect(told).toMatchObject({ phase: "Rejected", reason: "InvalidScore", settled: true });
      expect(told.message).toMatch(what);
    }
    expect(await life()).toBe(before);
    expect(await podman("ps", "--all", "--format", "{{.Names}}")).toBe("app_web");
  });

  const reading = "busybox head -c 4 /dev/meter | busybox od -An -tx1; id -u";
  const meter = (more: object = {}) => says(`echo $(${reading})`, { user: "1234:1234", devices: [`${LINK}:/dev/meter`], ...more });

  test("a device is used by a user that is not root, through the groups of the device's user; unplugged and back it is started again", async () => {
    expect(await apply(meter())).toMatchObject({ phase: "Blocked", reason: "DeviceMissing", recheckAfterMs: 10_000 });
    expect(await podman("ps", "--all", "--quiet")).toBe("");
    await plugIn("ttyZero");
    await expectRunning(meter());
    await expectLog(/^00 00 00 00 1234$/);
    // Podman does this when nobody asks it to keep the groups.
    const dropped = [
      "podman",
      "run",
      "--rm",
      "--user=1234",
      `--volume=${LINK}:/dev/meter`,
      "--entrypoint=/bin/cat",
      "localhost/hello:1",
      "/dev/meter",
    ];
    expect((await device.exec(dropped, { user, allowExitCodes: [1] })).stderr).toContain("Permission denied");

    const startedAt = () => podman("inspect", "--format", "{{.State.StartedAt}}", "app_web");
    const first = await startedAt();
    await unplug();
    const report = await apply(meter());
    expect(report).toMatchObject({ phase: "Blocked", reason: "DeviceMissing" });
    expect(report.message).toBe(`device ${LINK} of service "web" is not there: plug it in; the service is started when it is`);
    expect(await startedAt()).toBe(first);
    // A container that ended without its device waits for it.
    await podman("kill", "app_web");
    expect(await apply(meter())).toMatchObject({ phase: "Blocked", reason: "DeviceMissing" });
    await plugIn("ttyNoise");
    expect(await eventually(async () => ((await apply(meter())).settled ? true : undefined), { what: "it runs again" })).toBe(true);
    await expectLog(/^(?!00 00 00 00)([\da-f]{2} ){4}1234$/);

    // The device is back before anybody looked, as another node: the running container holds one
    // that no longer exists.
    await unplug();
    const second = await startedAt();
    await eventually(
      async () => (await sh("date +%s")) > String(Math.ceil(Date.parse(second.replace(/ [+-]\d{4} .*/, "Z").replace(" ", "T")) / 1000) + 1),
      {
        what: "two seconds after the start",
      },
    );
    await plugIn("ttyZero");
    await expectRunning(meter());
    expect(await startedAt()).not.toBe(second);
    await expectLog(/^00 00 00 00 1234$/);
    await unplug();
  });

  test("a host path is shared, read only if so asked, and not by a link that leads elsewhere", async () => {
    await sh(`install -d -o ${user} /srv/data && echo from-the-device > /srv/data/a && ln -sfn /etc /srv/elsewhere`);
    await expectRunningAnew(says("cat /data/a; echo written > /data/b", { volumes: ["/srv/data:/data"] }));
    await eventually(async () => (await sh("cat /srv/data/b 2>/dev/null; true")) === "written", { what: "it is written" });
    await expectRunningAnew(says("(echo x > /ro/c) 2>/dev/null || echo refused", { volumes: ["/srv/data:/ro:ro"] }));
    await expectLog(/^refused$/);
    const away = await apply(says("true", { volumes: ["/srv/elsewhere:/data"] }));
    expect(away).toMatchObject({ phase: "Blocked", reason: "PolicyDenied" });
    expect(away.message).toContain('host path /srv/elsewhere of service "web" is a link that leads to /etc');
    expect(await apply(says("true", { volumes: ["/srv/none:/data"] }))).toMatchObject({ phase: "Blocked", reason: "HostPathMissing" });
  });

  test("what the device's policy does not allow is Rejected with the line that would, and what runs is left alone", async () => {
    await apply(web({}), closed);
    const report = await apply(web({ network: "host" }), closed);
    expect(report).toMatchObject({ phase: "Rejected", reason: "PolicyDenied", settled: true });
    expect(report.message).toContain("`host_network = true` under [policy] in /etc/iot-agent/config.toml");
    expect(closed.check(web({ network: "host" }))).toEqual(report);
    expect(await podman("ps", "--format", "{{.Names}}")).toBe("app_web");
  });

  test("the host's network has the service's port without any being named", async () => {
    expect(await apply(web({ network: "host" }))).toMatchObject({ phase: "Running", settled: true });
    await eventually(async () => (await (await fetch(`http://${device.address}:8080/`)).text()).includes("deployment=app"), {
      what: "it answers",
    });
  });

  test("capabilities are added and dropped", async () => {
    const bounding = "busybox sed -n 's/^CapBnd:.//p' /proc/self/status";
    await expectRunningAnew(says(bounding, { capAdd: ["NET_ADMIN"], capDrop: ["ALL"] }));
    await expectLog(/^0000000000001000$/);
  });

  test("a log of its own keeps to its limit, and one that nobody asked for is limited too", async () => {
    const chatty = "i=0; while [ $i -lt 3000 ]; do echo $i this is a line of no great interest to anybody; i=$((i+1)); done; echo the last";
    await expectRunningAnew(says(chatty, { logging: { maxSize: "16Ki" } }));
    await expectLog(/^the last$/);
    const path = await podman("inspect", "--format", "{{.HostConfig.LogConfig.Path}}", "app_web");
    expect(Number(await sh(`stat --format=%s ${path}`))).toBeLessThanOrEqual(16 * 1024);
    const config = "{{.HostConfig.LogConfig.Type}} {{.HostConfig.LogConfig.Size}}";
    expect(await podman("inspect", "--format", config, "app_web")).toBe("k8s-file 16.38kB");
    // Whatever Podman's own default is, no log can fill the disk: the journal has its limit, a file
    // this one.
    await expectRunningAnew(says("echo to the default"));
    await expectLog(/^to the default$/);
    expect(await podman("inspect", "--format", config, "app_web")).toBe(version === "5.4" ? "journald 10.49MB" : "k8s-file 10.49MB");
  });

  /** What is set, as the kernel and the C library see it in the container. */
  test.each<readonly [field: object, script: string, says: RegExp]>([
    [{ shmSize: "5Mi" }, "busybox grep ' /dev/shm ' /proc/mounts", /size=5120k/],
    [
      { extraHosts: ["plc:192.0.2.7", "v6.plant:2001:db8::7"] },
      "echo $(busybox cat /etc/hosts)",
      /192\.0\.2\.7\s+plc\b.*2001:db8::7\s+v6\.plant/,
    ],
    [{ extraHosts: ["device:host-gateway"] }, "busybox grep device /etc/hosts", /^[\d.]+\s+device/],
    [{ dns: ["192.0.2.53"] }, "echo $(busybox cat /etc/resolv.conf)", /^(?=.*nameserver 192\.0\.2\.53)(?!.*nameserver(?! 192\.0\.2\.53))/],
    [{ sysctls: { "net.ipv4.ip_unprivileged_port_start": 80 } }, "busybox cat /proc/sys/net/ipv4/ip_unprivileged_port_start", /^80$/],
    [{ ulimits: { nofile: { soft: 100, hard: 200 }, core: 0 } }, "echo $(ulimit -Sn) $(ulimit -Hn) $(ulimit -c)", /^100 200 0$/],
    [{ hostname: "reader.plant" }, "busybox hostname", /^reader\.plant$/],
    [{ groupAdd: ["4242"], user: "1234:1234" }, "echo $(busybox id -G)", /^1234 4242$/],
    [{ env: { TZ: { device: "timezone" } } }, "echo $TZ", /^Europe\/Zurich$/],
  ])("%j is so in the container", async (field, script, what) => {
    await expectRunningAnew(says(script, field));
    await expectLog(what);
  });

  test("other services find one by its aliases too", async () => {
    const { services } = says("until busybox nslookup database | busybox grep -c Name:.*database; do sleep 0.1; done 2>/dev/null");
    const db = { ...web({}).services[0], name: "db", aliases: ["database"] };
    expect(await apply({ services: [...services, db] })).toMatchObject({ phase: "Running" });
    await expectLog(/^1$/);
  });

  test("a folder of devices is shared with what is plugged in later", async () => {
    await sh("mkdir -p /dev/bus/usb/001");
    await expectRunningAnew(
      says("until [ -e /dev/bus/usb/001/002 ]; do sleep 0.1; done; echo $(busybox head -c 1 /dev/bus/usb/001/002 | busybox od -An -tx1)", {
        devices: ["/dev/bus/usb"],
      }),
    );
    await sh("mknod --mode=0666 /dev/bus/usb/001/002 c 1 5");
    await expectLog(/^00$/);
    await sh("rm -r /dev/bus/usb");
  });

  test.each<readonly [field: object, reason: string, says: RegExp]>([
    [{ ulimits: { nofile: 1_000_000_000 } }, "UlimitRefused", /nofile/],
    [{ sysctls: { "net.ipv4.no_such_thing": "1" } }, "SysctlRefused", /net\.ipv4\.no_such_thing/],
    [{ groupAdd: ["nosuchgroup"] }, "GroupMissing", /nosuchgroup/],
  ])("%j cannot be had here, which is said", async (field, reason, what) => {
    const told = await apply(web(field));
    expect(told).toMatchObject({ phase: "Failed", reason });
    expect(told.message).toMatch(what);
  });
});
