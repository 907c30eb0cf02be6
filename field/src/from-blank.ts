// `npm run field -- --from-blank` turns a blank image, booted in qemu, into a reconciled device
// with only the commands of the documents, typed as a person would type them. A git push and a
// power cut follow. Each command is judged as it comes; the first that is not as the document says
// ends the run. The page in docs/field/ is written in either case.

import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BLANK_USER, type BlankRoot, eventually, freePort, run } from "@iot/testkit";
import { makeBlankImage } from "./blank-image.ts";
import { type Central, startCentral } from "./central.ts";
import { type Architecture, type DeviceRoot } from "./device-root.ts";
import { copyDisk, type Disk, type MountedDisk } from "./disk.ts";
import { type Expectation, type FromBlank, fromBlankReport, judgeTyped, type Typed } from "./from-blank-report.ts";
import { type Machine, startMachine } from "./machine.ts";
import { seeded } from "./random.ts";
import type { Run } from "./record.ts";

export interface FromBlankOptions {
  readonly run: Run;
  /** The folder for the image, and for the evidence of a failure. */
  readonly place: string;
  /** The folder for the page. */
  readonly docs: string;
  say(text: string): void;
}

const TOP = join(import.meta.dirname, "../..");
const DEVICE_ID = "pi-demo-01";
const DEPLOYMENT = "hello-world";
const PAGE_PORT = 8080;
const RESOURCES = { memory: "64Mi", cpus: 0.5, pids: 100 };
/** The same limits in the kernel's words: half of each 100 ms. */
const LIMITS = "cpu.max 50000 100000, memory.max 67108864, pids.max 100";
const MACHINE: Readonly<Record<Architecture, string>> = { amd64: "x86_64", arm64: "aarch64" };

/** The limit for anything that an emulated device does, on a machine that does other things too. */
const PATIENCE_MS = 40 * 60_000;
const ANY_EXIT_CODE = Array.from({ length: 256 }, (_, code) => code);

/** Resolves with whether it came to its end. */
export async function fromBlank({ run: about, place, docs, say }: FromBlankOptions): Promise<boolean> {
  const { stdout: commit } = await run(["git", "rev-parse", "--short", "HEAD"], { cwd: TOP });
  const record: { -readonly [Key in keyof FromBlank]: FromBlank[Key] } = {
    run: about,
    commit: commit.trim(),
    firstLoginMs: null,
    typed: [],
    pushedMs: null,
    limits: null,
    afterCut: null,
    failure: null,
  };
  await mkdir(place, { recursive: true });
  const image = join(place, "blank.raw");
  say(`a blank ${about.architecture} image`);
  const { boot, blank } = await makeBlankImage({ architecture: about.architecture, into: image });
  await using stack = new AsyncDisposableStack();
  const central = stack.use(
    await startCentral({ busybox: { path: join(boot.root, "usr/bin/busybox"), architecture: about.architecture } }),
  );
  const device = stack.use(await BlankMachine.start({ architecture: about.architecture, image, boot, blank }));
  try {
    record.firstLoginMs = await device.login();
    say(`the login prompt after ${Math.round(record.firstLoginMs / 1000)} s`);
    await device.sshdAnswers();
    // Podman reads such files once, when its service starts.
    await device.trust(central.registryAddress);
    const type = async (expected: Expectation, argv: readonly string[]): Promise<Typed> => {
      const startedAt = performance.now();
      const result = await run(argv, { cwd: TOP, timeoutMs: PATIENCE_MS, allowExitCodes: ANY_EXIT_CODE });
      const typed = judgeTyped(expected, { ...result, tookMs: performance.now() - startedAt });
      record.typed = [...record.typed, typed];
      say(`${typed.command}: exit code ${typed.exitCode} after ${Math.round(typed.tookMs / 1000)} s\n${typed.printed}`);
      if (typed.failure !== null) throw new Error(`${typed.command}: ${typed.failure}`);
      return typed;
    };
    await prepare(device, type);
    const beforeAgentMs = Date.now();
    await install({ device, central, type });
    await eventually(() => central.status(DEVICE_ID, beforeAgentMs) !== null, { what: "a status of the device", timeoutMs: PATIENCE_MS });
    await verify({ device, type, machine: MACHINE[about.architecture] });

    const pushedAt = performance.now();
    const reference = await central.pushImage({ version: "from-blank" });
    await central.publish(DEVICE_ID, { [DEPLOYMENT]: { image: reference, port: PAGE_PORT, more: { resources: RESOURCES } } });
    await device.reconciled(central, beforeAgentMs);
    record.pushedMs = performance.now() - pushedAt;
    record.limits = await device.limits();
    if (record.limits !== LIMITS) throw new Error(`the kernel holds containers to: ${record.limits}; not to: ${LIMITS}`);
    say(`reconciled ${Math.round(record.pushedMs / 1000)} s after the push`);

    const lostWrites = await device.cutPower();
    const bootedAtMs = Date.now();
    await device.powerOn();
    const since = performance.now();
    const after = async (done: Promise<unknown>): Promise<number> => {
      await done;
      return performance.now() - since;
    };
    const [loginMs, answeredMs, reconciledMs] = await Promise.all([
      device.login(),
      after(device.answers()),
      after(device.reconciled(central, bootedAtMs)),
    ]);
    record.afterCut = { loginMs, answeredMs, reconciledMs, lostWrites };
  } catch (error) {
    record.failure = error instanceof Error ? error.message : String(error);
    await writeFile(join(place, "journal.log"), await device.journal());
    await writeFile(join(place, "operator.log"), central.operatorLog());
  }
  await mkdir(docs, { recursive: true });
  await writeFile(join(docs, `from-blank-${about.architecture}.md`), fromBlankReport(record));
  say(record.failure ?? "reconciled again after the power cut");
  return record.failure === null;
}

type Type = (expected: Expectation, argv: readonly string[]) => Promise<Typed>;

/** Follows "Over SSH" of the manual. */
async function prepare(device: BlankMachine, type: Type): Promise<void> {
  await type({ command: `ssh ${BLANK_USER}@<pi-ip> sudo true`, prints: /^$/ }, device.ssh(BLANK_USER, "sudo true"));
  const command = `npm run iot -- provision --host <pi-ip> --user ${BLANK_USER} --device-id ${DEVICE_ID} --ssh-key ~/.ssh/id_ed25519.pub`;
  const access = ["--port", String(device.sshPort), "--identity", device.identityFile, "--known-hosts", device.knownHostsFile];
  const given = ["--user", BLANK_USER, "--device-id", DEVICE_ID, "--ssh-key", `${device.identityFile}.pub`];
  const argv = ["npm", "run", "--silent", "iot", "--", "provision", "--host", "127.0.0.1", ...given, ...access];
  await type({ command: `${command} --dry-run`, prints: /^to do:$/m }, [...argv, "--dry-run"]);
  // A step that takes too long under emulation is no fault of the host's: the same command does the
  // rest.
  const first = await type({ command, prints: /^done: the host is as its Score says$|did not finish within/m, exitCodes: [0, 1] }, argv);
  if (first.exitCode !== 0) await type({ command, prints: /^done: the host is as its Score says$/m }, argv);
  await type({ command, prints: /^nothing to do$/m }, argv);
}

/** Exit code 3 is install.sh's "not connected within 15 s; it keeps trying". */
async function install({ device, central, type }: { device: BlankMachine; central: Central; type: Type }): Promise<void> {
  const script = "iot/iot-agent/scripts/install.sh";
  const shared = ["--device-id", DEVICE_ID, "--nats-url", central.natsUrl, "--nats-user", "iot-agent", "--nats-pass-file"];
  const passwordFile = join(dirname(device.knownHostsFile), "password");
  await writeFile(passwordFile, "from-blank\n", { mode: 0o600 });
  const command = [script, "--host", "<pi-ip>", ...shared, "password"].join(" ");
  const access = ["--ssh-user", BLANK_USER, "--identity", device.identityFile, "--known-hosts", device.knownHostsFile];
  const argv = [script, "--host", "127.0.0.1", "--port", String(device.sshPort), ...access, ...shared, passwordFile];
  const expected = { command, prints: /is connected to NATS$|it keeps trying/m, exitCodes: [0, 3] };
  await type(expected, argv);
  await type(expected, argv);
}

/** Follows "Verify" of the manual. */
async function verify({ device, type, machine }: { device: BlankMachine; type: Type; machine: string }): Promise<void> {
  const answers: readonly (readonly [string, RegExp])[] = [
    ["podman --version", /^podman version (4\.([4-9]|\d\d)|[5-9])/],
    ["systemctl --user is-active podman.socket", /^active$/],
    ["loginctl show-user iot-agent | grep Linger=yes", /^Linger=yes$/],
    ["uname -m", new RegExp(`^${machine}$`)],
  ];
  for (const [script, prints] of answers)
    await type({ command: `ssh iot-agent@<pi-ip> '${script}'`, prints }, device.ssh("iot-agent", script));
}

interface BlankMachineOptions {
  readonly architecture: Architecture;
  readonly image: string;
  readonly boot: DeviceRoot;
  readonly blank: BlankRoot;
}

/** The emulated device, and a person's way to it. */
class BlankMachine {
  readonly sshPort: number;
  readonly identityFile: string;
  readonly knownHostsFile: string;
  readonly #options: BlankMachineOptions;
  readonly #folder: string;
  readonly #pagePort: number;
  readonly #disk: Disk;
  #running: { readonly machine: Machine; readonly mounted: MountedDisk } | undefined;

  private constructor(options: BlankMachineOptions, made: { folder: string; disk: Disk; sshPort: number; pagePort: number }) {
    this.#options = options;
    this.#folder = made.folder;
    this.#disk = made.disk;
    this.sshPort = made.sshPort;
    this.#pagePort = made.pagePort;
    this.identityFile = options.blank.identityFile;
    this.knownHostsFile = join(made.folder, "known_hosts");
  }

  static async start(options: BlankMachineOptions): Promise<BlankMachine> {
    const folder = `/tmp/iot-from-blank-${process.pid}`;
    await mkdir(folder, { recursive: true });
    const disk = await copyDisk(options.image, folder);
    const device = new BlankMachine(options, { folder, disk, sshPort: await freePort(), pagePort: await freePort() });
    await writeFile(device.knownHostsFile, `[127.0.0.1]:${device.sshPort} ${options.blank.hostKey}\n`);
    await device.powerOn();
    return device;
  }

  async powerOn(): Promise<void> {
    const { architecture, boot: root } = this.#options;
    const mounted = await this.#disk.mount();
    const forward = { [this.sshPort]: 22, [this.#pagePort]: PAGE_PORT };
    const machine = await startMachine({ architecture, root, disk: mounted, folder: join(this.#folder, "qemu"), forward });
    this.#running = { machine, mounted };
  }

  /** Loses every write that no flush had followed; resolves with how many they were. */
  async cutPower(): Promise<number> {
    const { machine, mounted } = this.#on();
    await mounted.mark();
    await machine.cut();
    this.#running = undefined;
    return (await mounted.settle(0, seeded(1))).lost;
  }

  /** The time from power on to the login prompt. */
  login(): Promise<number> {
    const { login } = this.#on().machine;
    return eventually(() => login, { what: "the login prompt", timeoutMs: PATIENCE_MS });
  }

  sshdAnswers(): Promise<boolean> {
    const { hostKey } = this.#options.blank;
    const answers = async (): Promise<boolean> => {
      const argv = ["ssh-keyscan", "-t", "ed25519", "-T", "10", "-p", String(this.sshPort), "127.0.0.1"];
      const { stdout, stderr } = await run(argv, { allowExitCodes: [0, 1] });
      return stdout.includes(hostKey) || Promise.reject(new Error(`it gives the host keys: ${stdout.trim() || stderr.trim() || "none"}`));
    };
    return eventually(answers, { what: "sshd answers with its host key", timeoutMs: 10 * 60_000, intervalMs: 500 });
  }

  ssh(user: string, script: string): readonly string[] {
    const settings = ["IdentitiesOnly=yes", `UserKnownHostsFile=${this.knownHostsFile}`, "BatchMode=yes", "LogLevel=ERROR"];
    const options = settings.flatMap((setting) => ["-o", setting]);
    return ["ssh", "-p", String(this.sshPort), "-i", this.identityFile, ...options, `${user}@127.0.0.1`, script];
  }

  /** Lets Podman pull from the suite's own registry, which has no TLS. */
  async trust(registry: string): Promise<void> {
    const file = "/etc/containers/registries.conf.d/field.conf";
    const { exitCode, output } = await this.#on().machine.shell.run(
      `mkdir -p /etc/containers/registries.conf.d && printf '[[registry]]\\nlocation = "%s"\\ninsecure = true\\n' ${registry} >${file}`,
    );
    if (exitCode !== 0) throw new Error(`failed to write ${file}: ${output}`);
  }

  /** Waits for the page of the deployment. */
  answers(): Promise<boolean> {
    return eventually(() => this.#page(), { what: "the page of the deployment", timeoutMs: PATIENCE_MS, intervalMs: 250 });
  }

  /** Waits for the device's own status that came after that time, and for the page. */
  reconciled(central: Central, sinceMs: number): Promise<boolean> {
    const isReconciled = (): Promise<boolean> => {
      const report = central.status(DEVICE_ID, sinceMs)?.deployments[DEPLOYMENT];
      if (report === undefined) throw new Error("its status does not name the deployment");
      const { phase, reason, message, desiredRevision, runningRevision } = report;
      if (phase !== "Running" || desiredRevision !== runningRevision) throw new Error(`it is ${phase} (${reason}): ${message}`);
      return this.#page();
    };
    return eventually(isReconciled, { what: "reconciled", timeoutMs: PATIENCE_MS, intervalMs: 250 });
  }

  /** The limits that the kernel enforces on containers. */
  async limits(): Promise<string> {
    const files = "find /sys/fs/cgroup -path '*/libpod-*' -not -path '*conmon*' -name '*.max' -exec grep -H . {} +";
    const { output } = await this.#on().machine.shell.run(
      `${files} | sed 's,.*/,,; s/:/ /' | grep -E '^(cpu|memory|pids)[.]max [0-9]' | sort -u`,
    );
    return output.trim().replaceAll("\n", ", ");
  }

  async journal(): Promise<string> {
    if (this.#running === undefined) return "the device is switched off";
    const { machine } = this.#running;
    const { output } = await machine.shell
      .run("journalctl --boot --no-pager | tail -n 500")
      .catch((error: unknown) => ({ output: String(error) }));
    return `${machine.serial()}\n${output}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running?.machine.cut();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #page(): Promise<boolean> {
    return (await fetch(`http://127.0.0.1:${this.#pagePort}/`, { signal: AbortSignal.timeout(5_000) })).ok;
  }

  #on(): { readonly machine: Machine; readonly mounted: MountedDisk } {
    if (this.#running === undefined) throw new Error("the device is switched off");
    return this.#running;
  }
}
