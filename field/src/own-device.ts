// A device that a person owns: it is reached by ssh, and its power goes and comes by two commands
// of that person, e.g. of a plug that can be switched. The commands run on this machine. What the
// run changes on the device is kept aside and put back at the end. Which writes a card loses at a
// cut nobody sees here; the kernel of the next boot says what it found.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { networkInterfaces } from "node:os";
import { Duplex } from "node:stream";
import { eventually, run } from "@iot/testkit";
import type { Architecture } from "./device-root.ts";
import type { SettledDisk } from "./disk.ts";
import { type GuestShell, READY, shellOver } from "./guest-shell.ts";
import type { Observation } from "./judge.ts";
import type { Patience, Powered, PoweredDevice } from "./powered-device.ts";

const PATIENCE: Patience = { loginMs: 300_000, answerMs: 300_000, reconcileMs: 300_000, settleMs: 60_000 };
const COMMAND_LIMIT_MS = 120_000;
const CONNECT_SECONDS = 5;

export interface OwnDeviceOptions {
  /** `ssh://user@host[:port]`; the user is root, or sudo asks it for no password. */
  readonly address: URL;
  /** Run by the shell of this machine. */
  readonly powerOff: string;
  readonly powerOn: string;
  /** Further options of ssh. */
  readonly sshOptions: readonly string[];
  /** By port of the device, where this machine reaches it; others at the device's own address. */
  readonly forwards: ReadonlyMap<number, string>;
}

export interface DeviceFacts {
  readonly architecture: Architecture;
  /** As installed, with its version. */
  readonly agent: string;
  /** The address from which the device sees this machine. */
  readonly thisMachine: string;
  readonly system: string;
}

export class OwnDevice implements PoweredDevice {
  readonly patience = PATIENCE;
  readonly #options: OwnDeviceOptions;
  readonly #open = new Set<GuestShell>();
  #isPrepared = false;
  #isOn = true;

  constructor(options: OwnDeviceOptions) {
    this.#options = options;
  }

  /** @throws with what has to be so before a run can begin. */
  async facts(): Promise<DeviceFacts> {
    const say = (script: string): Promise<string> => this.#once(script);
    const machine = await say("uname -m");
    const architecture = ({ x86_64: "amd64", aarch64: "arm64" } as const)[machine];
    if (architecture === undefined) throw new Error(`the device is ${machine}: images for amd64 and arm64 are made here`);
    const agent = await say("iot-agent --version").catch(() => "");
    if (agent === "") throw new Error("there is no iot-agent on the device: install it first");
    return {
      architecture,
      agent: `iot-agent ${agent.replace(/^iot-agent /, "")}`,
      thisMachine: (await say("set -- ${SSH_CONNECTION:-$(cat /run/iot-field-client 2>/dev/null)}; echo $1")) || "127.0.0.1",
      system: await say(
        "(. /etc/os-release; echo $PRETTY_NAME); uname -r; getconf PAGESIZE; cat /proc/device-tree/model 2>/dev/null | tr -d '\\0'",
      ),
    };
  }

  /** The device's own static busybox, for the images; null: it has none. */
  async copyBusybox(to: string): Promise<string | null> {
    const path = await this.#once(
      "for one in /usr/bin/busybox /bin/busybox; do [ -x $one ] && ! ldd $one >/dev/null 2>&1 && echo $one && break; done; true",
    );
    if (path === "") return null;
    await run(["sh", "-c", `${this.#ssh(`cat ${path}`).map(quoted).join(" ")} > ${quoted(to)} && chmod 755 ${quoted(to)}`]);
    return to;
  }

  /** Once for a run: a card is not made anew. */
  async startAnew(): Promise<void> {
    if (!this.#isOn) await this.powerOn();
    if (this.#isPrepared) return;
    await this.#once(KEEP_ASIDE);
    this.#isPrepared = true;
    await this.cut();
  }

  async powerOn(): Promise<Powered> {
    const startedAt = performance.now();
    await this.#command(this.#options.powerOn);
    this.#isOn = true;
    const login = eventually(() => this.#once("true"), { what: "ssh", timeoutMs: PATIENCE.loginMs, intervalMs: 250 }).then(
      () => performance.now() - startedAt,
    );
    login.catch(() => undefined);
    await login.catch(() => undefined);
    return { startedAt, login, shell: this.#shell(), watcher: this.#shell(), serial: () => "the console of this device is not read\n" };
  }

  async cut(): Promise<SettledDisk> {
    await this.#command(this.#options.powerOff);
    this.#isOn = false;
    for (const shell of this.#open) shell.close();
    this.#open.clear();
    return { writes: 0, flushes: 0, unflushed: 0, lost: 0 };
  }

  /** Nothing is known of its card. */
  accept(): Promise<void> {
    return Promise.resolve();
  }

  async checkedFileSystem(): Promise<Observation["fsck"]> {
    const found = await this.#once(
      "journalctl --dmesg --boot --no-pager --output=cat | grep -Ei '(ext4|f2fs|btrfs|mmc[0-9]|nvme).*(error|corrupt)' | head -n 20; true",
    );
    return { exitCode: found === "" ? 0 : 4, output: found };
  }

  url(port: number): string {
    return this.#options.forwards.get(port) ?? `http://${this.#options.address.hostname}:${port}/`;
  }

  async stop(): Promise<void> {
    if (!this.#isOn) await this.powerOn();
    for (const shell of this.#open) shell.close();
    this.#open.clear();
    if (this.#isPrepared) await this.#once(PUT_BACK);
    this.#isPrepared = false;
  }

  async #command(command: string): Promise<void> {
    await run(["/bin/sh", "-c", command], { timeoutMs: COMMAND_LIMIT_MS });
  }

  async #once(script: string): Promise<string> {
    const { stdout } = await run(this.#ssh(script), { timeoutMs: COMMAND_LIMIT_MS });
    return stdout.trim();
  }

  #ssh(script: string): readonly string[] {
    const { address, sshOptions } = this.#options;
    const user = address.username === "" ? "root" : address.username;
    const port = address.port === "" ? [] : ["-p", address.port];
    const options = ["-o", "BatchMode=yes", "-o", `ConnectTimeout=${CONNECT_SECONDS}`, "-o", "ServerAliveInterval=5", ...sshOptions];
    const asRoot = user === "root" ? "sh -c" : 'sudo -n SSH_CONNECTION="$SSH_CONNECTION" sh -c';
    return ["ssh", ...port, ...options, `${user}@${address.hostname}`, `${asRoot} ${quoted(script)}`];
  }

  #shell(): GuestShell {
    const [program = "ssh", ...argv] = this.#ssh(`echo ${READY}; exec sh`);
    const child = spawn(program, argv, { stdio: ["pipe", "pipe", "ignore"] });
    child.on("error", () => undefined);
    child.stdin.on("error", () => undefined);
    const shell = shellOver(Duplex.from({ readable: child.stdout, writable: child.stdin }).on("close", () => child.kill()));
    this.#open.add(shell);
    return shell;
  }
}

/** Whether servers on this machine can listen on that address. */
export function isOfThisMachine(address: string): boolean {
  return Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === address));
}

/** An id that no other device has: what ran before stays as it is, since no manifest names it. */
export function idOfRun(): string {
  return `field-${randomUUID().slice(0, 8)}`;
}

const ASIDE = "/var/lib/iot-agent.before-field";
const CONFIG = "/etc/iot-agent/config.toml";

const KEEP_ASIDE = `set -e
[ ! -e ${ASIDE} ] || { echo "a run that did not end has left ${ASIDE}: put it back, or remove it" >&2; exit 1; }
systemctl stop iot-agent
cp -a /var/lib/iot-agent ${ASIDE}
[ ! -e ${CONFIG} ] || cp -a ${CONFIG} ${ASIDE}/.config.toml
mkdir -p /etc/iot-agent/secrets
ls /etc/iot-agent/secrets > ${ASIDE}/.secrets
sync`;

const PUT_BACK = `set -e
systemctl stop iot-agent
user() { runuser -u iot-agent -- env XDG_RUNTIME_DIR=/run/user/$(id -u iot-agent) "$@"; }
cd /
user podman ps --all --format '{{.Names}}' | grep -E '^(web|pump)-field-[0-9a-f]{8}_' | while read -r name; do user podman rm --force --time 5 "$name" >/dev/null; done
user podman volume ls --format '{{.Name}}' | grep -E '^(web|pump)-field-[0-9a-f]{8}_' | while read -r name; do user podman volume rm "$name" >/dev/null; done
user podman image prune --all --force >/dev/null || true
rm -f /etc/containers/registries.conf.d/field.conf ${CONFIG} /etc/iot-agent/secrets/even /etc/iot-agent/secrets/odd
[ ! -e ${ASIDE}/.config.toml ] || mv ${ASIDE}/.config.toml ${CONFIG}
rm -f ${ASIDE}/.secrets
find /var/lib/iot-agent -mindepth 1 -delete
cp -a ${ASIDE}/. /var/lib/iot-agent/
rm -rf ${ASIDE}
sync
systemctl start --no-block iot-agent`;

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
