// A simulated device: Debian trixie under its own systemd in a container of systemd-nspawn, with a
// network of its own, a user `iot-agent` that lingers, and that user's rootless Podman. systemd,
// journald, users and Podman are real; the kernel, the clock and the power supply are the host's.
// It needs root. device-root.ts makes its system, device-folder.ts its place on the host.

import { cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type DeviceFolder, claimDeviceFolder, clearMachine, deviceCgroup } from "./device-folder.ts";
import { DEVICE_USER, type PodmanVersion, deviceRoot } from "./device-root.ts";
import { eventually } from "./eventually.ts";
import { findProgram, type RunOptions, type RunResult, run } from "./program.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";

export interface DeviceOptions {
  /** Its host name; the default is `device`. */
  readonly name?: string;
  readonly podman?: PodmanVersion;
}

/** The system to boot, for callers who have one of their own. */
export interface DeviceSystem {
  readonly name: string;
  /** The unpacked roots to lay over each other, topmost first. */
  readonly layers: readonly string[];
  /** The uid of the agent's user, which need not exist yet. */
  readonly uid: number;
  /** The host's folders that the device may read. */
  readonly folders?: readonly { readonly from: string; readonly to: string }[];
  /** Writes into its root before the first boot. */
  readonly fill?: (root: string, addresses: Pick<Device, "address" | "hostAddress">) => Promise<void>;
  /** Its system gives itself its address when it boots. */
  readonly hasOwnNetwork?: boolean;
  /** Resolves when its service answers, after systemd has booted. */
  readonly ready: (device: Device, network: NetworkAtBoot) => Promise<unknown>;
}

export interface DeviceExecOptions extends RunOptions {
  /** The default is root. `iot-agent` runs with the environment of its user manager. */
  readonly user?: "root" | typeof DEVICE_USER.name;
}

export interface Device {
  readonly name: string;
  /** Its IPv4 address, as seen from the host. */
  readonly address: string;
  /** The host's end of the network. A server must listen on it for the device to reach it. */
  readonly hostAddress: string;
  /** The name of the host's end. */
  readonly hostInterface: string;
  readonly uid: number;
  /**
   * The path, on the host, of the socket of the user's Podman. It stays the same when the device is
   * powered off and on.
   */
  readonly podmanSocket: string;
  /** Runs a program in the device; fails on an exit code that is not allowed. */
  exec(argv: readonly string[], options?: DeviceExecOptions): Promise<RunResult>;
  /**
   * The command line that runs the program in the device when it is run on the host: to pipe into
   * or out of it. Ending the process on the host does not end the one in the device, so start a
   * service as a unit (`systemd-run`).
   */
  execArgv(argv: readonly string[], user?: DeviceExecOptions["user"]): readonly string[];
  /** The path on the host of a path in the running device. */
  pathOnHost(path: string): string;
  copyIn(hostPath: string, devicePath: string): Promise<void>;
  writeFile(devicePath: string, text: string): Promise<void>;
  readFile(devicePath: string): Promise<string>;
  /** Lets Podman pull from a registry without TLS: `host:port`. */
  trustRegistry(address: string): Promise<void>;
  /**
   * Pulls the cable: the host's end goes down, and the device sees no carrier and keeps its
   * address.
   */
  cutNetwork(): Promise<void>;
  /** Plugs the cable in. A device that was powered on without an address gets it now. */
  restoreNetwork(): Promise<void>;
  /** Acts as a plug that does not sit well: resolves with the cable in. */
  flapNetwork(options: { readonly times: number; readonly downMs: number; readonly upMs: number }): Promise<void>;
  /**
   * Ends every process at once. Files stay as the page cache has them; the emulated Pi has a true
   * power cut.
   */
  powerOff(): Promise<void>;
  /** Boots it again from its disk, by default with its network. */
  powerOn(network?: NetworkAtBoot): Promise<void>;
  /** What systemd printed while booting. */
  log(): string;
  /** Powers it off and removes every trace of it. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * `cable out`: it has its (static) address and no carrier. `no address`: it has no address either,
 * as where no DHCP server answered.
 */
export type NetworkAtBoot = "there" | "cable out" | "no address";

const BOOT_TIMEOUT_MS = 120_000;
const { name: USER } = DEVICE_USER;

export async function startDevice(options: DeviceOptions = {}): Promise<Device> {
  const { name = "device", podman = "5.4" } = options;
  await assertHostCan();
  const ready = (device: Device): Promise<unknown> =>
    eventually(() => pingPodman(device.podmanSocket), {
      what: `device ${name} has booted: Podman answers`,
      timeoutMs: BOOT_TIMEOUT_MS,
      intervalMs: 100,
    });
  return bootDevice({ name, layers: await deviceRoot(podman), uid: DEVICE_USER.uid, ready });
}

export async function bootDevice(system: DeviceSystem): Promise<Device> {
  const { name, layers, uid } = system;
  await assertHostCan();
  const folder = await claimDeviceFolder();
  const runFolder = join(folder.path, "run");
  let nspawn: ServerProcess | undefined;
  let leader = 0;

  const execArgv: Device["execArgv"] = (argv, user = "root") => {
    const inside = ["nsenter", "--target", String(leader), "--all", "--"];
    if (user === "root") return [...inside, "env", "HOME=/root", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", ...argv];
    const session = [`XDG_RUNTIME_DIR=/run/user/${uid}`, `DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/${uid}/bus`];
    const environment = [
      "env",
      `--chdir=/home/${USER}`,
      `HOME=/home/${USER}`,
      `USER=${USER}`,
      "PATH=/usr/bin:/bin:/usr/sbin:/sbin",
      ...session,
    ];
    return [...inside, "setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--init-groups", ...environment, ...argv];
  };
  const exec: Device["exec"] = (argv, { user = "root", ...rest } = {}) => run(execArgv(argv, user), rest);
  const pathOnHost = (path: string): string => join(`/proc/${leader}/root`, path);

  const connect = (network: NetworkAtBoot): Promise<void> => connectNetwork(folder, leader, network, system);

  const powerOff = async (): Promise<void> => {
    if (nspawn?.running()) process.kill(leader, "SIGKILL");
    // systemd-nspawn itself clears its network and folders when process 1 has ended.
    await nspawn?.stop();
    await clearMachine(folder.machine);
  };
  const powerOn = async (network: NetworkAtBoot = "there"): Promise<void> => {
    if (nspawn?.running()) throw new Error(`failed to power on the device ${name}: it is running`);
    const started = await startNspawn(folder, system);
    nspawn = started.nspawn;
    leader = started.leader;
    await rm(runFolder, { force: true });
    await symlink(`/proc/${leader}/root/run`, runFolder);
    await connect(network);
    await waitUntilBooted(device);
    await system.ready(device, network);
  };
  const stop = async (): Promise<void> => {
    await powerOff();
    await folder.remove();
  };

  const device: Device = {
    name,
    address: folder.address,
    hostAddress: folder.hostAddress,
    hostInterface: hostEnd(folder),
    uid,
    podmanSocket: join(runFolder, "user", String(uid), "podman", "podman.sock"),
    exec,
    execArgv,
    pathOnHost,
    copyIn: async (hostPath, devicePath) => {
      await mkdir(dirname(pathOnHost(devicePath)), { recursive: true });
      await cp(hostPath, pathOnHost(devicePath), { recursive: true });
    },
    writeFile: async (devicePath, text) => {
      await mkdir(dirname(pathOnHost(devicePath)), { recursive: true });
      await writeFile(pathOnHost(devicePath), text);
    },
    readFile: (devicePath) => readFile(pathOnHost(devicePath), "utf8"),
    trustRegistry: (address) =>
      device.writeFile(
        `/etc/containers/registries.conf.d/${address.replaceAll(/[^\w.-]/g, "_")}.conf`,
        `[[registry]]\nlocation = "${address}"\ninsecure = true\n`,
      ),
    cutNetwork: async () => void (await run(["ip", "link", "set", hostEnd(folder), "down"])),
    restoreNetwork: () => connect("there"),
    flapNetwork: async ({ times, downMs, upMs }) => {
      for (let time = 0; time < times; time++) {
        await device.cutNetwork();
        await wait(downMs);
        await device.restoreNetwork();
        await wait(upMs);
      }
    },
    powerOff,
    powerOn,
    log: () => nspawn?.log() ?? "",
    stop,
    [Symbol.asyncDispose]: stop,
  };
  try {
    await folder.mountRoot(layers);
    await writeFile(join(folder.root, "etc", "hostname"), `${name}\n`);
    // Podman looks "localhost" up before it unpacks a layer. A name that is not in this file asks
    // DNS, and waits 5 s for no answer.
    await writeFile(join(folder.root, "etc", "hosts"), `127.0.0.1 localhost\n::1 localhost\n127.0.1.1 ${name}\n`);
    // Nobody answers there, so a lookup fails at once instead of after the resolver's time-outs.
    await writeFile(join(folder.root, "etc", "resolv.conf"), `nameserver ${folder.hostAddress}\n`);
    await system.fill?.(folder.root, folder);
    await powerOn();
  } catch (error) {
    await stop();
    throw error;
  }
  return device;
}

async function assertHostCan(): Promise<void> {
  const cannot = "failed to start a simulated device";
  if (process.getuid?.() !== 0) throw new Error(`${cannot}: it takes mounts and network namespaces; run this as root`);
  for (const program of ["systemd-nspawn", "mmdebstrap", "ip", "nsenter"]) {
    if ((await findProgram(program)) === undefined)
      throw new Error(`${cannot}: this machine has no ${program}; the Debian packages to install are listed in build/host-packages.txt`);
  }
}

/** The host's end of the network, as systemd-nspawn names it. */
function hostEnd(folder: DeviceFolder): string {
  return `ve-${folder.machine}`;
}

async function startNspawn(
  folder: DeviceFolder,
  { name, folders = [] }: DeviceSystem,
): Promise<{ readonly nspawn: ServerProcess; readonly leader: number }> {
  const nodes = await makeDeviceNodes(folder);
  const cgroup = deviceCgroup(folder.machine);
  await mkdir(cgroup, { recursive: true });
  const nspawn = await startServerProcess({
    name: `device ${name}`,
    argv: [
      "/bin/sh",
      "-c",
      `echo $$ > ${cgroup}/cgroup.procs && exec "$@"`,
      "sh",
      "systemd-nspawn",
      `--directory=${folder.root}`,
      `--machine=${folder.machine}`,
      "--boot",
      "--register=no",
      "--keep-unit",
      "--console=pipe",
      "--capability=all",
      // The clock is the host's, and no device may set it.
      "--drop-capability=CAP_SYS_TIME",
      "--system-call-filter=@keyring bpf add_key keyctl",
      ...nodes.map((node) => `--bind=${node.from}:${node.to}`),
      ...folders.map((each) => `--bind-ro=${each.from}:${each.to}`),
      `--bind=${join(folder.path, "home")}:/home`,
      "--network-veth",
      "--resolv-conf=off",
    ],
    env: { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1", SYSTEMD_LOG_LEVEL: "warning" },
    ready: () => Promise.resolve(true),
  });
  const leader = await eventually(() => (nspawn.running() ? findLeader(nspawn.pid) : -1), {
    what: `device ${name} starts its process 1`,
    timeoutMs: BOOT_TIMEOUT_MS,
  });
  if (leader === -1) throw new Error(`failed to boot the device ${name}; the last words of systemd-nspawn:\n${nspawn.log()}`);
  return { nspawn, leader };
}

/**
 * Makes device nodes of our own that all may use. The host's may be for root alone, and are not
 * ours to change.
 */
async function makeDeviceNodes(folder: DeviceFolder): Promise<readonly { readonly from: string; readonly to: string }[]> {
  const nodes = [
    { from: join(folder.path, "fuse"), to: "/dev/fuse", numbers: ["10", "229"] },
    { from: join(folder.path, "tun"), to: "/dev/net/tun", numbers: ["10", "200"] },
  ];
  for (const { from, numbers } of nodes) {
    await rm(from, { force: true });
    await run(["mknod", "--mode=0666", from, "c", ...numbers]);
  }
  return nodes;
}

/**
 * Finds the device's process 1: a child of systemd-nspawn that is 1 in a namespace of its own and
 * has become systemd.
 */
async function findLeader(nspawnPid: number): Promise<number | undefined> {
  const children = await readFile(`/proc/${nspawnPid}/task/${nspawnPid}/children`, "utf8");
  for (const child of children.split(" ").filter(Boolean)) {
    const status = await readFile(`/proc/${child}/status`, "utf8");
    if (/^Name:\s+systemd$/m.test(status) && /^NSpid:\s+\d+\s+1$/m.test(status)) return Number(child);
  }
  return undefined;
}

/** Keeps the parts that exist already. */
async function connectNetwork(
  folder: DeviceFolder,
  leader: number,
  network: NetworkAtBoot,
  { hasOwnNetwork = false }: DeviceSystem,
): Promise<void> {
  const { hostAddress, address } = folder;
  const inside = ["nsenter", "--target", String(leader), "--net", "ip"];
  await run(["ip", "address", "replace", `${hostAddress}/30`, "dev", hostEnd(folder)]);
  if (network === "there") await run(["ip", "link", "set", hostEnd(folder), "up"]);
  if (hasOwnNetwork) return;
  await run([...inside, "link", "set", "host0", "up"]);
  if (network === "no address") return;
  await run([...inside, "address", "replace", `${address}/30`, "dev", "host0"]);
  await run([...inside, "route", "replace", "default", "via", hostAddress]);
}

async function waitUntilBooted(device: Device): Promise<void> {
  const what = `device ${device.name} has booted`;
  await eventually(
    async () => {
      const { stdout } = await device.exec(["systemctl", "is-system-running"], { allowExitCodes: [0, 1] });
      if (!["running", "degraded"].includes(stdout.trim())) throw new Error(`systemd says ${stdout.trim()}`);
      return true;
    },
    { what, timeoutMs: BOOT_TIMEOUT_MS, intervalMs: 100 },
  );
}

function pingPodman(socketPath: string): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const req = request({ socketPath, path: "/_ping", agent: false, timeout: 20_000 }, (response) => {
    response.resume();
    resolve(response.statusCode === 200);
  });
  req.on("timeout", () => req.destroy(new Error("no answer to /_ping within 20 s")));
  req.on("error", reject);
  req.end();
  return promise;
}
