// LinuxHostV0 on a blank device, over SSH: the plan, the result as the device itself shows it, and
// a second run that finds nothing to do. static-address.int.test.ts has the addresses.

import { readFile } from "node:fs/promises";
import { type BlankDevice, run, startBlankDevice } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HostInterpret, HostReport } from "../src/index.ts";
import { desired, interpretOn, sshOptions } from "./scene.ts";

const signal = new AbortController().signal;
let device: BlankDevice;
let host: HostInterpret;
let score: ReturnType<typeof desired>;
let report: HostReport;

beforeAll(async () => {
  device = await startBlankDevice();
  const key = (await readFile(`${device.identityFile}.pub`, "utf8")).trim();
  score = desired({ hostname: "pi-test-01", agentUser: { authorizedKeys: [key] } });
  host = interpretOn(sshOptions(device));
  // Every Debian has a group of serial ports; only a Pi's has that of pins.
  await device.exec(["groupadd", "--system", "gpio"]);
  expect((await host.explain(score, signal)).planned[0]).toBe("set the host name to pi-test-01");
  expect((await device.exec(["getent", "passwd", "iot-agent"], { allowExitCodes: [2] })).stdout).toBe("");
  report = await host.reconcile(score, { signal });
});
afterAll(async () => {
  await host.close();
  await device.stop();
});

const said = async (...argv: string[]): Promise<string> => (await device.exec(argv, { allowExitCodes: [0, 1, 3] })).stdout.trim();
const saidToAgent = async (...argv: string[]): Promise<string> => (await device.exec(argv, { user: "iot-agent" })).stdout.trim();

describe("a blank device that was provisioned", () => {
  test("has gone through every step once", () => {
    expect(report.steps.map(({ step, outcome }) => `${step.split(" ").slice(0, 3).join(" ")}: ${outcome.kind}`)).toEqual([
      "set the host: changed",
      "install the packages: changed",
      "keep the time: changed",
      "create the user: changed",
      "let iot-agent's services: changed",
      "let pi ask: changed",
      "make the folder: changed",
      "make the folder: changed",
      "make the folder: changed",
      "write /etc/containers/containers.conf.d/50-iot-agent.conf, so: changed",
      "write /etc/sysctl.d/60-iot-agent.conf, so: changed",
      "write /etc/systemd/journald.conf.d/60-iot-agent.conf, so: changed",
      "make the folder: changed",
      "write /home/iot-agent/.ssh/authorized_keys, so: changed",
      "enable the Podman: changed",
    ]);
  });

  test("has nothing left to do; what this kernel cannot give is said", async () => {
    const { planned, blocked, report: after } = await host.explain(score, signal);
    expect(planned).toEqual([]);
    expect(blocked.map(({ reason }) => reason)).toEqual(["NoMemoryController"]);
    expect(after.settled).toBe(true);
  });

  test("has the user, its groups, its ids and its lingering", async () => {
    expect(await said("getent", "passwd", "iot-agent")).toMatch(/^iot-agent:x:1001:1001:.*:\/home\/iot-agent:\/bin\/bash$/);
    expect((await said("id", "-nG", "iot-agent")).split(" ").toSorted()).toEqual(["dialout", "gpio", "iot-agent", "video"]);
    expect((await said("id", "-nG", "pi")).split(" ").toSorted()).toEqual(["iot-agent", "pi"]);
    expect(await said("grep", "-c", "^iot-agent:[0-9]*:65536$", "/etc/subuid")).toBe("1");
    expect(await said("loginctl", "show-user", "iot-agent", "--property=Linger")).toBe("Linger=yes");
  });

  test("has the folders and files with their rights", async () => {
    const stat = (...paths: string[]) => said("stat", "-c", "%n %a %U:%G", ...paths);
    expect(await stat("/etc/iot-agent", "/etc/iot-agent/secrets", "/var/lib/iot-agent")).toBe(
      "/etc/iot-agent 750 root:iot-agent\n/etc/iot-agent/secrets 750 root:iot-agent\n/var/lib/iot-agent 700 iot-agent:iot-agent",
    );
    expect(await said("cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start")).toBe("80");
    expect(await said("systemd-analyze", "cat-config", "systemd/journald.conf")).toMatch(/^Storage=persistent\nSystemMaxUse=200M$/m);
    expect(await said("sh", "-c", "ls -d /var/log/journal/*")).not.toBe("");
    expect(await said("systemctl", "is-enabled", "systemd-timesyncd")).toBe("enabled");
    expect(await said("cat", "/etc/hostname", "/proc/sys/kernel/hostname")).toBe("pi-test-01\npi-test-01");
  });

  test("has a rootless Podman that answers on its socket, with pasta's options", async () => {
    expect(await saidToAgent("systemctl", "--user", "is-active", "podman.socket")).toBe("active");
    expect(await saidToAgent("podman", "info", "--format", "{{.Host.RemoteSocket.Exists}} {{.Host.RootlessNetworkCmd}}")).toBe(
      "true pasta",
    );
    const ping = ["curl", "--silent", "--unix-socket", "/run/user/1001/podman/podman.sock", "http://d/_ping"];
    expect(await saidToAgent(...ping)).toBe("OK");
  });

  test("is all that again after a restart", async () => {
    await host.close();
    await device.powerOff();
    await device.powerOn();
    host = interpretOn(sshOptions(device));
    expect((await host.explain(score, signal)).planned).toEqual([]);
    expect(await saidToAgent("systemctl", "--user", "is-active", "podman.socket")).toBe("active");
  });

  test("is repaired where an installation was cut while dpkg was at work, and all is flushed at the end", async () => {
    const state = (): Promise<string> => said("dpkg-query", "--show", "--showformat=${db:Status-Abbrev}", "jq");
    await device.exec(["dpkg", "--remove", "jq"]);
    // dpkg waits for this at the end of each of its runs. After the run that has unpacked, and
    // before the one that configures, it is ended as by a power cut.
    await device.writeFile(
      "/root/cut",
      "case $(dpkg-query --show --showformat='${db:Status-Abbrev}' jq) in iU*) pkill -KILL -x dpkg ;; esac\n",
    );
    await device.writeFile("/etc/dpkg/dpkg.cfg.d/cut", "post-invoke=sh /root/cut\n");
    expect(await host.reconcile(score, { signal })).toMatchObject({ phase: "Failed", steps: [{ outcome: { kind: "failed" } }] });
    expect(await state()).not.toMatch(/^ii/);
    await device.exec(["rm", "/etc/dpkg/dpkg.cfg.d/cut"]);

    await device.writeFile(
      "/usr/local/bin/sync",
      `#!/bin/sh\ndpkg-query --show --showformat='\${db:Status-Abbrev}' jq >>/root/synced\nexec /usr/bin/sync "$@"\n`,
    );
    await device.exec(["chmod", "+x", "/usr/local/bin/sync"]);
    const { settled, steps } = await host.reconcile(score, { signal });
    expect({ settled, steps: steps.map(({ step }) => step) }).toEqual({ settled: true, steps: ["install the packages jq"] });
    expect(await said("cat", "/root/synced")).toMatch(/ii $|ii$/);
    await device.exec(["rm", "/usr/local/bin/sync"]);
    expect(await host.reconcile(score, { signal })).toMatchObject({ settled: true, steps: [] });
  });

  test("is repaired where somebody changed it, and only there", async () => {
    await device.exec(["chmod", "0777", "/etc/iot-agent"]);
    await device.exec(["sh", "-c", "echo 1024 >/proc/sys/net/ipv4/ip_unprivileged_port_start"]);
    await device.exec(["systemctl", "disable", "--quiet", "systemd-timesyncd"]);
    await device.exec(["sed", "-i", "/^iot-agent:/d", "/etc/subuid", "/etc/subgid"]);
    await device.exec(["gpasswd", "--delete", "iot-agent", "video"]);
    const { steps } = await host.reconcile(score, { signal });
    expect(steps.map(({ step }) => step.split(",")[0])).toEqual([
      "keep the time with systemd-timesyncd",
      "add iot-agent to the groups video",
      "give iot-agent 65536 subordinate user and group ids",
      "make the folder /etc/iot-agent root's",
      "write /etc/sysctl.d/60-iot-agent.conf",
    ]);
    expect(await said("cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start")).toBe("80");
    expect(await said("grep", "-ch", "^iot-agent:[0-9]*:65536$", "/etc/subuid", "/etc/subgid")).toBe("1\n1");
  });

  test("that was provisioned before, when the configuration was the user's, is repaired, and no link of that user's is followed", async () => {
    const sh = (text: string, user: "root" | "iot-agent" = "root") => device.exec(["sh", "-euc", text], { user });
    const ofRoot = (): Promise<string> => said("sh", "-c", "stat --format='%n %U:%G %a %Y' /etc/shadow /etc/sudoers.d /etc/sudoers.d/*");
    const before = await ofRoot();
    await sh("chown -R iot-agent:iot-agent /etc/iot-agent");
    await sh(
      `cd /etc/iot-agent && ln -s /etc/sudoers.d config.toml.new && rmdir secrets && ln -s /etc/sudoers.d secrets && ln -s /etc/shadow ca.pem
       ln -sf /etc/shadow $HOME/.ssh/authorized_keys && ln -s /etc/sudoers.d/more $HOME/.ssh/authorized_keys.new`,
      "iot-agent",
    );
    const { settled } = await host.reconcile(score, { signal });
    expect(settled).toBe(false);
    expect(await ofRoot()).toBe(before);
    // A link that this user may not follow is an error, until the user removes it.
    await sh("rm $HOME/.ssh/authorized_keys.new", "iot-agent");
    expect(await host.reconcile(score, { signal })).toMatchObject({ settled: true });
    expect(await ofRoot()).toBe(before);
    expect(await said("find", "/etc/iot-agent", "-printf", "%P %u:%g %m %y\n")).toBe(
      " root:iot-agent 750 d\nsecrets root:iot-agent 750 d".trim(),
    );
    expect(
      await said("sh", "-c", "stat --format='%F %U %a' /home/iot-agent/.ssh/authorized_keys; cat /home/iot-agent/.ssh/authorized_keys"),
    ).toMatch(/^regular file iot-agent 600\nssh-ed25519 \S+ person@workstation$/);
    // A folder of root's in the place of the user's own stays as it is.
    await sh("mv $HOME/.ssh $HOME/kept && ln -s /etc/sudoers.d $HOME/.ssh", "iot-agent");
    expect(await host.reconcile(score, { signal })).toMatchObject({ settled: false });
    expect(await ofRoot()).toBe(before);
    await sh("rm $HOME/.ssh && mv $HOME/kept $HOME/.ssh", "iot-agent");
    expect((await host.explain(score, signal)).planned).toEqual([]);
  });

  test("with a Pi's firmware gets the memory controller, and waits for a restart", async () => {
    const commandLine = "console=tty1 root=PARTUUID=a-02 rootfstype=ext4 fsck.repair=yes rootwait";
    await device.writeFile("/boot/firmware/cmdline.txt", `${commandLine}\n`);
    const { blocked } = await host.reconcile(score, { signal });
    expect(blocked.map(({ reason }) => reason)).toEqual(["RestartNeeded"]);
    expect(await said("cat", "/boot/firmware/cmdline.txt")).toBe(`${commandLine} cgroup_enable=memory cgroup_memory=1`);
    expect((await host.explain(score, signal)).planned).toEqual([]);
  });

  test("lets the agent's user in with its key", async () => {
    const key = ["-i", device.identityFile, "-o", `UserKnownHostsFile=${device.knownHostsFile}`, "-o", "BatchMode=yes"];
    const { stdout } = await run(["ssh", ...key, `iot-agent@${device.address}`, "systemctl --user is-active podman.socket"]);
    expect(stdout.trim()).toBe("active");
  });
});

describe("what stands in the way is said in words", () => {
  const trouble = async (options: Partial<Parameters<typeof interpretOn>[0]>): Promise<{ code: unknown; message: string }> => {
    const other = interpretOn({ ...sshOptions(device), ...options });
    try {
      await other.explain(score, signal);
      return { code: null, message: "" };
    } catch (error) {
      return { code: error instanceof Error && "code" in error ? error.code : null, message: String(error) };
    } finally {
      await other.close();
    }
  };

  test("an unknown host key", async () => {
    const { code, message } = await trouble({ knownHostsFile: "/dev/null" });
    expect(code).toBe("HostKeyUnknown");
    expect(message).toContain(`log in once with "ssh pi@${device.address}"`);
    expect(await trouble({ knownHostsFile: "/dev/null", acceptNewHostKey: true })).toEqual({ code: null, message: "" });
  });

  test("a user without a key, a name without an address, a port where nobody listens", async () => {
    expect(await trouble({ user: "root" })).toMatchObject({ code: "PermissionDenied" });
    expect(await trouble({ host: "no-such-device.invalid" })).toMatchObject({ code: "NameNotResolved" });
    expect(await trouble({ port: 2222 })).toMatchObject({ code: "Unreachable" });
  });

  test("a sudo that asks for a password", async () => {
    await device.exec(["sed", "-i", "s/NOPASSWD: //", "/etc/sudoers.d/010_pi-nopasswd"]);
    expect(await trouble({})).toMatchObject({ code: "SudoNeedsPassword" });
    await device.exec(["rm", "/etc/sudoers.d/010_pi-nopasswd"]);
    expect((await trouble({})).code).toMatch(/^Sudo/);
    await device.writeFile("/etc/sudoers.d/010_pi-nopasswd", "pi ALL=(ALL) NOPASSWD: ALL\n");
  });

  test("a package that the mirrors do not have, and mirrors that are not reached", async () => {
    const more = desired({ packages: ["no-such-package"] });
    expect(await host.reconcile(more, { signal })).toMatchObject({ phase: "Failed", reason: "PackageNotFound" });
    await device.writeFile("/etc/apt/apt.conf.d/99-test", 'Acquire::Retries "0";\n');
    await device.writeFile("/etc/apt/sources.list", "deb http://deb.debian.invalid/debian trixie main\n");
    await device.exec(["sh", "-c", "rm -rf /var/lib/apt/lists/*"]);
    const { reason, message } = await host.reconcile(more, { signal });
    expect(reason).toBe("NoMirror");
    expect(message).toContain("name server");
  });
});
