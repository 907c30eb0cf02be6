// Takes one device through its cuts, one after the other on the same disk: it is reconciled,
// something is begun, the power is cut in the midst of it, and it is booted again and judged. After
// a cut that failed its judgement the evidence is kept, and the next cut starts from a new disk.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "@iot/testkit";
import type { Central } from "./central.ts";
import { judge, type Observation } from "./judge.ts";
import { observe, observeContainers } from "./observe.ts";
import { beginPhase, type Begun } from "./begin-phase.ts";
import type { Cut } from "./plan.ts";
import type { Patience, Powered, PoweredDevice } from "./powered-device.ts";
import type { CutRecord } from "./record.ts";

export interface LaneOptions {
  readonly power: PoweredDevice;
  /** The agent that is installed on it. */
  readonly agent: string;
  readonly central: Central;
  readonly device: string;
  /** The folder for the evidence of a failure. */
  readonly evidence: string;
  say(text: string): void;
}

export const DEVICE_PORTS = { web: 8080, pump: 8081 } as const;
/**
 * Secrets of the device. One version has the first, and the next version the other, so that each
 * change writes Podman's store of secrets.
 */
const SECRETS = ["even", "odd"] as const;

type Name = keyof typeof DEVICE_PORTS;
const NAMES: readonly Name[] = ["web", "pump"];

interface Running {
  readonly machine: Powered;
  readonly bootedAtMs: number;
}

export class DeviceLane {
  readonly #options: LaneOptions;
  readonly #timeouts: Patience;
  #running: Running | undefined;
  /**
   * The newest version that was published, and before it the one that ran. Either may answer until
   * all is reconciled.
   */
  #wanted: Record<Name, string> = { web: "", pump: "" };
  #acceptable: Record<Name, string[]> = { web: [], pump: [] };
  #versions = 0;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#timeouts = options.power.patience;
  }

  /** Judges one cut. The device then runs and is reconciled, or has been given up. */
  async cut(cut: Cut): Promise<CutRecord> {
    if (this.#running === undefined) await this.#startAnew();
    const { begun, published } = await this.#doUntilTheCut(cut);
    const disk = await this.#cutNow(cut);
    await published;
    await this.#boot();
    const found = await this.#look();
    const observation: Observation = { ...found, fsck: await this.#options.power.checkedFileSystem() };
    const { failures, repairs } = judge(observation);
    const record: CutRecord = {
      number: cut.number,
      agent: this.#options.agent,
      phase: cut.phase,
      delayMs: cut.delayMs,
      begun,
      disk: { keep: cut.keep, ...disk },
      loginMs: found.loginMs,
      answeredMs: found.answeredMs,
      reconciledMs: found.reconciledMs,
      failures: [...failures],
      repairs: [...repairs],
      finishedAt: new Date().toISOString(),
    };
    if (failures.length > 0 || repairs.length > 0) await this.#keepEvidence(record, observation);
    if (failures.length > 0) await this.#giveUp();
    else await this.#acceptOnlyWanted();
    return record;
  }

  async stop(): Promise<void> {
    await this.#options.power.stop();
    this.#running = undefined;
  }

  async #startAnew(): Promise<void> {
    const { power, central, device, say } = this.#options;
    await power.startAnew();
    for (const name of NAMES) await this.#newVersion(name);
    await this.#publish();
    await this.#boot();
    const { shell, login } = this.#device().machine;
    await login;
    const { exitCode, output } = await shell.run(configure(device, central));
    if (exitCode !== 0) throw new Error(`failed to configure the new device ${device}: ${output}`);
    const { reconciledMs, notReconciled } = await this.#waitUntilReconciled(3 * this.#timeouts.reconcileMs);
    if (reconciledMs === null) {
      const { output } = await shell.run("journalctl --boot --no-pager | tail -n 60; cat /etc/iot-agent/config.toml");
      throw new Error(`the new device ${device} is not reconciled: ${notReconciled}\n${output}\n${central.operatorLog()}`);
    }
    await this.#acceptOnlyWanted();
    say(`${device}: begun, reconciled ${Math.round(reconciledMs / 1000)} s after its first power on`);
  }

  async #doUntilTheCut(cut: Cut): Promise<Begun> {
    if (cut.phase !== "boot") {
      const { machine } = this.#device();
      const { registry } = this.#options.central;
      const change = async (options: { readonly ballastMegabytes?: number } = {}): Promise<void> => {
        await this.#newVersion("web", options);
        await this.#publish();
      };
      return beginPhase(cut, { machine, registry, change });
    }
    // The power goes, and comes back, and goes while the device boots.
    await this.#cutNow({ ...cut, keep: 1 });
    if (cut.newVersion) {
      await this.#newVersion("web");
      await this.#publish();
    }
    await this.#boot();
    await pause(cut.delayMs);
    return { begun: true, published: Promise.resolve() };
  }

  async #boot(): Promise<void> {
    const bootedAtMs = Date.now();
    this.#running = { machine: await this.#options.power.powerOn(), bootedAtMs };
  }

  #cutNow(cut: Pick<Cut, "number" | "keep">): ReturnType<PoweredDevice["cut"]> {
    this.#running = undefined;
    return this.#options.power.cut(cut);
  }

  async #look(): Promise<Omit<Observation, "fsck"> & { readonly answeredMs: number | null }> {
    const { machine } = this.#device();
    const login = within(machine.login, this.#timeouts.loginMs);
    const pages = Promise.all(NAMES.map((name) => this.#firstAnswer(name)));
    const [loginMs, answers] = await Promise.all([login, pages]);
    const { reconciledMs, notReconciled } = await this.#waitUntilReconciled();
    if (loginMs !== null) await this.#waitUntilSettled();
    const nothing = { containers: [], volumes: [], networks: [], files: {}, agentJournal: [] };
    const seen = loginMs === null ? nothing : await observe(machine.shell);
    const times = answers.map((answer) => answer?.afterMs ?? null);
    return {
      ...seen,
      wanted: this.#byName((name) => this.#wanted[name]),
      acceptable: this.#byName((name) => this.#acceptable[name]),
      answered: Object.fromEntries(NAMES.map((name, index) => [this.#deployment(name), answers[index]?.version ?? null])),
      answeredMs: times.includes(null) ? null : Math.max(...times.map(Number)),
      loginMs,
      reconciledMs,
      notReconciled,
    };
  }

  async #firstAnswer(name: Name): Promise<{ readonly version: string; readonly afterMs: number } | null> {
    const { machine } = this.#device();
    const what = `${name} answers`;
    return eventually(async () => ({ version: await this.#version(name), afterMs: Math.round(performance.now() - machine.startedAt) }), {
      what,
      timeoutMs: this.#timeouts.answerMs,
      intervalMs: 250,
    }).catch(() => null);
  }

  async #version(name: Name): Promise<string> {
    const response = await fetch(this.#options.power.url(DEVICE_PORTS[name]), { signal: AbortSignal.timeout(5_000) });
    const text = await response.text();
    const version = /version=(\S+)/.exec(text)?.[1];
    return version ?? Promise.reject(new Error(`the page says ${JSON.stringify(text.slice(0, 100))}`));
  }

  async #waitUntilReconciled(
    timeoutMs: number = this.#timeouts.reconcileMs,
  ): Promise<{ readonly reconciledMs: number | null; readonly notReconciled: string }> {
    const { machine, bootedAtMs } = this.#device();
    let notReconciled = "";
    const isReconciled = async (): Promise<number> => {
      try {
        await this.#assertReconciled(bootedAtMs);
      } catch (error) {
        notReconciled = error instanceof Error ? error.message : String(error);
        throw error;
      }
      return Math.round(performance.now() - machine.startedAt);
    };
    const limits = { what: "reconciled", timeoutMs, intervalMs: 250 };
    const reconciledMs = await eventually(isReconciled, limits).catch(() => null);
    return { reconciledMs, notReconciled: reconciledMs === null ? notReconciled : "" };
  }

  async #assertReconciled(sinceMs: number): Promise<void> {
    const status = this.#options.central.status(this.#options.device, sinceMs);
    if (status === null) throw new Error("the device has reported nothing since it was switched on");
    for (const name of NAMES) {
      const report = status.deployments[this.#deployment(name)];
      if (report === undefined) throw new Error(`the status does not name ${name}`);
      const { phase, reason, message, desiredRevision, runningRevision, services } = report;
      if (phase !== "Running" || desiredRevision !== runningRevision) throw new Error(`${name} is ${phase} (${reason}): ${message}`);
      const image = services[0]?.image ?? "";
      if (!image.endsWith(`:${this.#wanted[name]}`)) throw new Error(`${name} runs ${image}, not yet version ${this.#wanted[name]}`);
      const version = await this.#version(name);
      if (version !== this.#wanted[name]) throw new Error(`the page of ${name} is of version ${version}, not ${this.#wanted[name]}`);
    }
  }

  /** Replaced containers and images are removed after the new ones have proved themselves. */
  async #waitUntilSettled(): Promise<void> {
    const { machine } = this.#device();
    const isSettled = async (): Promise<true> => {
      const containers = await observeContainers(machine.shell);
      return containers.length === NAMES.length || Promise.reject(new Error(`there are ${containers.length} containers`));
    };
    // The judge reports what is left over.
    await eventually(isSettled, { what: "settled", timeoutMs: this.#timeouts.settleMs, intervalMs: 2_000 }).catch(() => undefined);
  }

  async #newVersion(name: Name, options: { readonly ballastMegabytes?: number } = {}): Promise<void> {
    this.#versions += 1;
    const version = `${this.#options.device}-${this.#versions}`;
    await this.#options.central.pushImage({ version, ...options });
    this.#wanted[name] = version;
    this.#acceptable[name].push(version);
  }

  async #publish(): Promise<void> {
    const { central, device } = this.#options;
    const image = (name: Name): string => `${central.registryAddress}/hello:${this.#wanted[name]}`;
    await central.publish(
      device,
      this.#byName((name) => ({ image: image(name), port: DEVICE_PORTS[name], more: withInputs(this.#wanted[name]) })),
    );
  }

  async #acceptOnlyWanted(): Promise<void> {
    await this.#options.power.accept();
    for (const name of NAMES) this.#acceptable[name] = [this.#wanted[name]];
  }

  async #giveUp(): Promise<void> {
    this.#running = undefined;
  }

  async #keepEvidence(record: CutRecord, observation: Observation): Promise<void> {
    const place = join(this.#options.evidence, `cut-${String(record.number).padStart(3, "0")}`);
    await mkdir(place, { recursive: true });
    const { machine } = this.#device();
    await writeFile(join(place, "serial.log"), machine.serial());
    await writeFile(join(place, "record.json"), JSON.stringify(record, null, 2));
    await writeFile(join(place, "observation.json"), JSON.stringify(observation, null, 2));
    if (observation.loginMs === null) return;
    const journal = await machine.shell.run("journalctl --boot=-1 --no-pager | tail -n 400; echo; journalctl --boot --no-pager");
    await writeFile(join(place, "journal.log"), journal.output);
  }

  #byName<Value>(value: (name: Name) => Value): Record<string, Value> {
    return Object.fromEntries(NAMES.map((name) => [this.#deployment(name), value(name)]));
  }

  #deployment(name: Name): string {
    return `${name}-${this.#options.device}`;
  }

  #device(): Running {
    if (this.#running === undefined) throw new Error(`the device ${this.#options.device} is switched off`);
    return this.#running;
  }
}

/**
 * Adds to a service what the agent provides: a file that each version has anew, and a secret as a
 * file and in the environment.
 */
function withInputs(version: string): Readonly<Record<string, unknown>> {
  const secret = SECRETS[Number(/\d+$/.exec(version)?.[0]) % SECRETS.length];
  return {
    files: [{ path: "/etc/field/version", content: version }],
    secrets: [{ name: secret }],
    env: { FIELD_SECRET: { secret } },
  };
}

function configure(device: string, { natsUrl, registryAddress }: Central): string {
  return `set -e
mkdir -p /etc/containers/registries.conf.d
cat >/etc/containers/registries.conf.d/field.conf <<END
[[registry]]
location = "${registryAddress}"
insecure = true
END
cat >/etc/iot-agent/config.toml <<END
[agent]
device_id = "${device}"
status_interval_seconds = 5
[credentials]
type = "nats-user"
nats_user = "iot-agent"
nats_pass = "field"
[nats]
urls = ["${natsUrl}"]
END
chown root:iot-agent /etc/iot-agent/config.toml && chmod 0640 /etc/iot-agent/config.toml
for secret in ${SECRETS.join(" ")}; do printf $secret | install -o root -g iot-agent -m 0640 /dev/stdin /etc/iot-agent/secrets/$secret; done; sync
set +e
systemctl restart iot-agent --no-block`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Returns null when it takes longer, or fails. */
async function within<Value>(promise: Promise<Value>, ms: number): Promise<Value | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), ms);
  try {
    return await Promise.race([promise.catch(() => null), late]);
  } finally {
    clearTimeout(timer);
  }
}
