// The Debian package on a device as it comes from the shop: brought there by install.sh over SSH,
// upgraded and downgraded under running containers, started without the agent after a power cut,
// removed and purged; then the installation without dpkg. One device, one story: each test goes on
// from the one before.

import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildDebianPackage, buildExecutable, copyrightFile, hostTarget, versionOfCommit } from "@iot/build";
import {
  type BlankDevice,
  eventually,
  loadImage,
  makeImage,
  makeTestCertificate,
  makeTempFolder,
  type NatsServer,
  run,
  type RunResult,
  startBlankDevice,
  startNats,
  type TempFolder,
} from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod/mini";
import { Central, DEVICE } from "./central.ts";
import { expectNothingTaken, plantLinks } from "./plant-links.ts";

const PASSWORD = 'right"\\-pass#word';
const USERS = `authorization { users = [{ user: iot-agent, password: ${JSON.stringify(PASSWORD)} }, { user: central, password: central }] }
no_auth_user: central
`;
const CONFIG = "/etc/iot-agent/config.toml";
const INSTALL = join(import.meta.dirname, "../scripts/install.sh");
const PACKAGE = join(import.meta.dirname, "../../../build/package/main.ts");
/**
 * Provisioning writes it: without it no container starts while the cable of a static address is
 * out.
 */
const PASTA_CONF = '[network]\npasta_options = ["-a", "10.0.2.0", "-n", "24", "-g", "10.0.2.2"]\n';
const CONTAINER = "web_hello";
/** Records the state of the package at the moment when all is flushed. */
const SYNC_THAT_REPORTS = `#!/bin/sh
dpkg-query --show --showformat='\${db:Status-Abbrev}\${Package}\\n' iot-agent >>/root/synced
exec /usr/bin/sync "$@"
`;
const Component = z.object({ name: z.string(), version: z.string() });
const Bill = z.object({
  components: z.array(z.extend(Component, { purl: z.string(), components: z._default(z.array(Component), []) })),
});

let folder: TempFolder;
let device: BlankDevice;
let nats: NatsServer;
let central: Central;
/** Two versions of the package, and the first once more, built anew from the sources. */
let packages: { readonly older: string; readonly again: string; readonly newer: string };
let built: { target: ReturnType<typeof hostTarget>; version: Awaited<ReturnType<typeof versionOfCommit>>; copyright: string };

beforeAll(async () => {
  folder = await makeTempFolder("package");
  [device, packages] = await Promise.all([startBlankDevice({ name: DEVICE }), buildPackages(folder.path)]);
  nats = await startNats({ host: device.hostAddress, config: USERS });
  central = await Central.connect(nats.url);
});
afterAll(async () => {
  await central?.close();
  await Promise.all([device?.stop(), nats?.stop(), folder?.remove()]);
});

async function buildPackages(path: string): Promise<typeof packages> {
  const target = hostTarget();
  const version = await versionOfCommit();
  const buildIn = async (name: string): Promise<string> => {
    const into = join(path, name);
    await run([process.execPath, PACKAGE, "--only", "iot-agent", "--arch", target.debian, "--fast", "--out", into], { timeoutMs: 300_000 });
    return join(into, `iot-agent_${version.debian}_${target.debian}.deb`);
  };
  const [older, again] = [await buildIn("older"), await buildIn("again")];
  const later = { ...version, debian: `${version.debian}.1` };
  const executable = join(path, "iot-agent");
  const copyright = await copyrightFile(target, await buildExecutable({ target, version: later, path: executable }));
  built = { target, version, copyright };
  const newer = await buildDebianPackage({ target, executable, copyright, version: later, compression: "fast", into: path });
  return { older, again, newer };
}

function install(...options: readonly string[]): Promise<RunResult> {
  return run([...installer(), "--nats-pass", "-", ...options], { stdin: PASSWORD, ...INSTALLING });
}

const installWith = (password: readonly string[], env: Record<string, string>): Promise<RunResult> =>
  run([...installer(), ...password, "--file", packages.older, "--nats-url", nats.url], { env, ...INSTALLING });

const INSTALLING = { allowExitCodes: [0, 1, 3], timeoutMs: 300_000 };

function installer(): readonly string[] {
  const { address, user, identityFile, knownHostsFile } = device;
  const host = ["--host", address, "--ssh-user", user, "--identity", identityFile, "--known-hosts", knownHostsFile];
  return [INSTALL, ...host, "--device-id", DEVICE, "--nats-user", "iot-agent"];
}

const onDevice = async (...argv: readonly string[]): Promise<string> => (await device.exec(argv, { timeoutMs: 300_000 })).stdout.trim();
const apt = (...args: readonly string[]): Promise<string> =>
  onDevice("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet=2", "--yes", "--allow-downgrades", ...args);
const podman = async (...args: readonly string[]): Promise<string> =>
  (await device.exec(["podman", ...args], { user: "iot-agent" })).stdout.trim();
const startedAt = (): Promise<string> => podman("inspect", "--format", "{{.State.StartedAt}} {{.State.Status}}", CONTAINER);
const agentPid = (): Promise<string> => onDevice("systemctl", "show", "--property=MainPID", "--value", "iot-agent");
const installed = (): Promise<string> => onDevice("dpkg-query", "--show", "--showformat=${db:Status-Abbrev}${Version}", "iot-agent");
const isThere = async (path: string): Promise<boolean> =>
  (await device.exec(["test", "-e", path], { allowExitCodes: [0, 1] })).exitCode === 0;
const connectedTo = ({ host, port }: NatsServer): Promise<true> =>
  eventually(
    async () => {
      const text = await onDevice("systemctl", "show", "--property=StatusText", "iot-agent");
      return text.includes(`connected to NATS ${host}:${port}`) || Promise.reject(new Error(text));
    },
    { what: "the agent is connected", timeoutMs: 60_000 },
  );
const answers = (): Promise<unknown> =>
  // The device asks itself, since its cable may be out. Its shell has TCP.
  eventually(
    async () => {
      const script = "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3";
      const { stdout, stderr } = await device.exec(["bash", "-c", script], { allowExitCodes: [0, 1] });
      return stdout.includes("service=hello") || Promise.reject(new Error(stdout + stderr));
    },
    { what: "the container answers at port 8080", timeoutMs: 60_000 },
  );

test("the same sources give the same bytes: executable, archive, bill of materials and package", async () => {
  const sums = await readFile(join(packages.older, "../SHA256SUMS"), "utf8");
  expect(sums.trim().split("\n")).toHaveLength(4);
  expect(await readFile(join(packages.again, "../SHA256SUMS"), "utf8")).toBe(sums);
});

// Node says on stderr when it refuses the code cache.
test("the executable says which it is, and takes its code cache", async () => {
  const executable = join(packages.older, `../iot-agent-linux-${built.target.node}`);
  expect(await run([executable, "--version"])).toEqual({ exitCode: 0, stdout: `iot-agent ${built.version.debian}\n`, stderr: "" });
});

test("the bill of materials names what the agent's packages bring, and Node with its libraries", async () => {
  const bill: unknown = JSON.parse(await readFile(join(packages.older, `../iot-agent-linux-${built.target.node}.cdx.json`), "utf8"));
  expect(bill).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.6", metadata: { component: { version: built.version.debian } } });
  const { components } = z.parse(Bill, bill);
  const npm = components.filter(({ purl }) => purl.startsWith("pkg:npm/"));
  expect(npm.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["@nats-io/nats-core", "@nats-io/transport-node", "smol-toml", "zod"]),
  );
  for (const { name, version, purl } of npm) expect(purl).toBe(`pkg:npm/${name.replace("@", "%40")}@${version}`);
  const node = components.find(({ name }) => name === "node");
  expect(node?.version).toBe(process.versions.node);
  expect(node?.components.find(({ name }) => name === "openssl")?.version).toBe(process.versions.openssl);
});

// The test leaves out the executable, which takes lintian a minute; `npm run package` checks the
// whole.
test("lintian has nothing to say of the package", async () => {
  const { target, copyright, version } = built;
  const small = await buildDebianPackage({ target, executable: "/bin/true", copyright, version, compression: "fast", into: folder.path });
  const { stdout } = await run(["lintian", "--tag-display-limit", "0", small], { allowExitCodes: [0, 1, 2] });
  expect(stdout).toBe("");
});

test("install.sh brings the package and what it needs, and says that the name cannot be looked up", async () => {
  const { exitCode, stderr } = await install("--file", packages.older, "--nats-url", "nats://central.invalid:4222");
  expect(stderr).toContain("What is wrong: the name of the NATS server");
  expect(exitCode).toBe(3);
  expect(await installed()).toMatch(/^ii /);
});

test("install.sh says that the password is wrong", async () => {
  const { stderr } = await install("--file", packages.older, "--nats-url", nats.url, "--nats-user", "somebody");
  expect(stderr).toContain("What is wrong: the credentials");
});

test.each([
  ["nobody listens there", () => `nats://${device.hostAddress}:1`, "the NATS server: that machine is there, but not NATS at this port"],
  ["nobody answers there", () => "nats://192.0.2.1:4222", "the network: the device cannot reach the NATS server"],
])("install.sh says what is wrong where %s", async (_, url, what) => {
  const { stderr, exitCode } = await install("--file", packages.older, "--nats-url", url());
  expect(stderr).toContain(`What is wrong: ${what}`);
  expect(exitCode).toBe(3);
});

test("install.sh with what is right: connected; run again: no harm; the password is in the configuration alone", async () => {
  const first = await install("--file", packages.older, "--nats-url", nats.url);
  expect(first).toMatchObject({ exitCode: 0 });
  expect(first.stdout).toContain("is connected to NATS");
  const describeConfig = (): Promise<string> => onDevice("stat", "--format=%U:%G %a %y", CONFIG);
  const before = await describeConfig();
  expect(before).toMatch(/^root:iot-agent 640 /);
  expect(await install("--file", packages.older, "--nats-url", nats.url)).toMatchObject({ exitCode: 0 });
  expect(await describeConfig()).toBe(before);
  const { stdout } = await device.exec(["journalctl", "--boot", "--no-pager", "--output=json"]);
  expect(`${stdout}${first.stdout}${first.stderr}`).not.toContain("pass#word");
  expect(await onDevice("find", "/tmp", "-name", "iot-agent-install*")).toBe("");
});

test("on a device of before, whose configuration was the user's, no planted link is followed, and what it configures becomes root's", async () => {
  await plantLinks(device);
  const { exitCode, stdout } = await install("--file", packages.older, "--nats-url", nats.url);
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringContaining("is connected to NATS") as unknown });
  await expectNothingTaken(device);
});

test("a password on the command line works, is warned of, and is on no other; one in a file is taken", async () => {
  const programs = join(folder.path, "programs");
  const log = join(folder.path, "command-lines");
  await run(["mkdir", programs]);
  for (const name of ["ssh", "scp"]) {
    await writeFile(join(programs, name), `#!/bin/bash\nprintf '%q ' ${name} "$@" >>${log}\necho >>${log}\nexec /usr/bin/${name} "$@"\n`);
    await chmod(join(programs, name), 0o755);
  }
  const file = join(folder.path, "password");
  await writeFile(file, `${PASSWORD}\n`);
  for (const [given, isWarned] of [
    [["--nats-pass", PASSWORD], true],
    [["--nats-pass-file", file], false],
  ] as const) {
    const { exitCode, stderr } = await installWith(given, { PATH: `${programs}:${process.env["PATH"] ?? ""}` });
    expect({ exitCode, isWarned: stderr.includes("leave --nats-pass out to be asked for it") }).toEqual({ exitCode: 0, isWarned });
  }
  const lines = await readFile(log, "utf8");
  expect(lines.split("\n").filter((line) => line.startsWith("ssh ")).length).toBeGreaterThan(8);
  expect(lines).not.toContain("pass#word");
  expect(lines).not.toContain("pass\\#word");
  const { stdout } = await device.exec(["journalctl", "--boot", "--no-pager", "--output=json"]);
  expect(stdout).not.toContain("pass#word");
});

test("what a person has added to the configuration stays; an agent that was switched off is started; all is flushed", async () => {
  const added = '\n[policy]\nhost_paths = [\n  "/srv/*",\n]\n\n[agent.labels]\nsite = "plant-7"\n';
  await onDevice("systemctl", "disable", "--quiet", "--now", "iot-agent");
  const text = `${(await onDevice("cat", CONFIG)).replace(/^device_id.*$/m, "$&\nstatus_interval_seconds = 20\nrelist_interval_seconds = 5")}\n${added}`;
  await device.exec(["sh", "-c", `cat >${CONFIG}`], { stdin: text });
  await device.writeFile("/usr/local/bin/sync", SYNC_THAT_REPORTS);
  await onDevice("chmod", "+x", "/usr/local/bin/sync");
  const kept = (): Promise<string> => onDevice("sh", "-c", `ls ${CONFIG}.old*`);
  const before = await kept();

  expect(await install("--file", packages.older, "--nats-url", nats.url)).toMatchObject({ exitCode: 0 });
  expect(await onDevice("cat", CONFIG)).toBe(text.trim());
  expect(await kept()).toBe(before);
  expect(await onDevice("systemctl", "is-enabled", "iot-agent")).toBe("enabled");
  expect(await onDevice("cat", "/root/synced")).toContain("ii iot-agent");

  const other = nats.url.replace("nats://", "");
  expect(await install("--file", packages.older, "--nats-url", other)).toMatchObject({ exitCode: 0 });
  expect(await onDevice("cat", CONFIG)).toBe(text.replace(nats.url, other).trim());
  expect((await kept()).split("\n")).toHaveLength(before.split("\n").length + 1);
});

test("an installation that fails leaves the agent a configuration that it can read", async () => {
  await device.exec(["rm", "/usr/local/bin/sync"]);
  const file = join(folder.path, "broken.deb");
  await writeFile(file, "no package");
  expect(await install("--file", file, "--nats-url", nats.url)).toMatchObject({ exitCode: 1 });
  expect(await onDevice("stat", "--format=%U:%G %a", CONFIG)).toBe("root:iot-agent 640");
  await connectedTo(nats);
});

test("an installation that is cut while dpkg is at work is made good by the next", async () => {
  // dpkg announces each state of a package, this one before it replaces the files; then it is ended
  // as by a power cut.
  await device.writeFile("/root/cut", "#!/bin/sh\ngrep -q 'status: iot-agent: unpacked' && pkill -KILL -x dpkg\n");
  await device.writeFile("/etc/dpkg/dpkg.cfg.d/cut", "status-logger=sh /root/cut\n");
  expect(await install("--file", packages.older, "--nats-url", nats.url)).toMatchObject({ exitCode: 1 });
  expect(await installed()).not.toMatch(/^ii/);
  await device.exec(["rm", "/etc/dpkg/dpkg.cfg.d/cut"]);
  expect(await install("--file", packages.older, "--nats-url", nats.url)).toMatchObject({ exitCode: 0 });
  expect(await installed()).toMatch(/^ii /);
});

test("its sandbox is as closed as ADR 18 says", async () => {
  await onDevice("systemd-analyze", "security", "--no-pager", "--threshold=16", "iot-agent");
  expect(await onDevice("systemctl", "status", "--no-pager", "iot-agent")).toMatch(/Main PID: \d+ \(iot-agent\)/);
});

test("who logs in reads how the containers are seen", async () => {
  const access = ["-i", device.identityFile, "-o", `UserKnownHostsFile=${device.knownHostsFile}`, "-o", "BatchMode=yes"];
  // The login has a terminal, as a person's: sshd shows PAM's message only to one.
  const login = await run(["ssh", "-tt", ...access, `${device.user}@${device.address}`], { stdin: "exit\n" });
  expect(login.stdout).toContain("iot-agent podman ps");
});

test("a NATS with TLS is reached by the authority that the configuration names, and doctor says so", async () => {
  await using certificate = await makeTestCertificate(`IP:${device.hostAddress}`);
  const { key, cert } = certificate;
  await using secured = await startNats({ host: device.hostAddress, config: `${USERS}tls { cert_file: "${cert}", key_file: "${key}" }` });
  const before = await onDevice("cat", CONFIG);
  const write = (text: string): Promise<unknown> => device.exec(["sh", "-c", `cat >${CONFIG}`], { stdin: text });
  await device.copyIn(certificate.ca, "/etc/iot-agent/ca.pem");
  await write(before.replace(/^urls = .*$/m, `urls = ["${secured.url}"]\nca_file = "/etc/iot-agent/ca.pem"`));
  await connectedTo(secured);
  const connections: unknown = await (await fetch(`${secured.monitorUrl}/connz`)).json();
  expect(connections).toMatchObject({ connections: [{ name: `iot-agent ${DEVICE}`, tls_version: "1.3" }] });
  const { stdout } = await device.exec(["iot-agent", "doctor"], { allowExitCodes: [0, 1] });
  expect(stdout).toContain('the user "iot-agent" is accepted');
  await write(before);
  await connectedTo(nats);
});

test("an upgrade and a downgrade restart the agent, and no container notices", async () => {
  await device.writeFile("/home/iot-agent/.config/containers/containers.conf", PASTA_CONF);
  await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/hello:1" }));
  const services = [{ name: "hello", image: "localhost/hello:1", ports: ["8080:8080"] }];
  await central.apply({ web: JSON.stringify({ type: "PodmanV0", data: { services } }) });
  await answers();
  const [started, pid] = await Promise.all([startedAt(), agentPid()]);

  const older = built.version.debian;
  for (const [file, version] of [
    [packages.newer, `${older}.1`],
    [packages.older, older],
  ] as const) {
    await device.copyIn(file, "/root/iot-agent.deb");
    await plantLinks(device);
    await apt("install", "/root/iot-agent.deb");
    expect(await installed()).toBe(`ii ${version}`);
    await expectNothingTaken(device);
    expect(await onDevice("iot-agent", "--version")).toBe(`iot-agent ${version}`);
    expect(await agentPid()).not.toBe(pid);
    expect(await startedAt()).toBe(started);
    await answers();
    await central.untilStatus("the fleet sees which agent it has", ({ agentVersion }) => agentVersion === version);
  }
  await central.untilStatus("the agent is back and finds it running", ({ deployments }) => deployments["web"]?.phase === "Running");
  expect(await startedAt()).toBe(started);
});

test("the network of a container is killed under it: within its sandbox the agent sees it, and starts it again", async () => {
  const before = await startedAt();
  await device.exec(["pkill", "-KILL", "--full", "pasta .*8080-8080"]);
  await answers();
  expect(await startedAt()).not.toBe(before);
  expect(await onDevice("iot-agent", "history", "web")).toContain("web Degraded (NetworkLost): ");
  await central.untilStatus("it is well", ({ deployments }) => deployments["web"]?.phase === "Running");
});

test("after a power cut, with the agent disabled and the cable out, what runs is what is in the start list", async () => {
  await onDevice("systemctl", "disable", "--now", "iot-agent");
  expect(await onDevice("cat", "/var/lib/iot-agent/start/web")).toBe(CONTAINER);
  // The list names a container that is gone, before the other.
  await device.writeFile("/var/lib/iot-agent/start/gone", "gone_hello\n");
  // The rename leaves the state of a cut between the two names of a swap.
  await podman("rename", CONTAINER, `${CONTAINER}.old`);
  await device.powerOff();
  await device.powerOn("cable out");
  await answers();
  expect(await onDevice("systemctl", "is-active", "user@1001.service")).toBe("active");
  expect(await agentPid()).toBe("0");
  const journal = await onDevice("journalctl", "--boot", "--no-pager", "--output=cat", "_COMM=start-container");
  expect(journal).toMatch(/failed to start container "gone_hello": .*no container with name/);
  expect(journal).toContain(`started container "${CONTAINER}"`);
  await podman("rename", `${CONTAINER}.old`, CONTAINER);
  await device.restoreNetwork();
});

test("removing stops the agent alone; purging takes what the agent has made, and not the user's home", async () => {
  await onDevice("systemctl", "enable", "--now", "iot-agent");
  const started = await startedAt();
  await apt("remove", "iot-agent");
  expect(await isThere("/usr/bin/iot-agent")).toBe(false);
  expect(await onDevice("cat", "/etc/iot-agent/config.toml")).toContain(DEVICE);
  expect(await isThere("/var/lib/iot-agent/desired-state.json")).toBe(true);
  expect(await startedAt()).toBe(started);

  await apt("purge", "iot-agent");
  expect(await podman("ps", "--all", "--quiet")).toBe("");
  for (const path of ["/etc/iot-agent", "/var/lib/iot-agent", "/run/iot-agent"]) expect(await isThere(path)).toBe(false);
  expect(await isThere("/home/iot-agent")).toBe(true);
});

test("install.sh without --deb: below /usr/local, and connected", async () => {
  const { stdout, stderr, exitCode } = await install("--nats-url", nats.url);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  expect(stdout).toContain("is connected to NATS");
  expect(await onDevice("readlink", `/proc/${await agentPid()}/exe`)).toBe("/usr/local/bin/iot-agent");
  expect(await onDevice("systemctl", "is-enabled", "iot-agent")).toBe("enabled");
});
