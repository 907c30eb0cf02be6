// The whole system for the faults' journey. Every part is real and can be ended and brought back by
// itself: a repository that notifies the operator of each push, the operator as a process, NATS,
// and the bundled agent under systemd on a simulated device. The tests look at what a person would
// look at: the page, `podman ps` on the device, `iot explain`, the journal.

import { readdir, readFile, readlink } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { createLog, errorText } from "@harmony/runtime";
import { connectMessaging, type Messaging } from "@iot/messaging";
import * as z from "zod/mini";
import {
  eventually,
  freePort,
  type GitRepository,
  makeGitRepository,
  makeTempFolder,
  type NameServer,
  type NatsServer,
  type Relay,
  run,
  type ServerProcess,
  startNameServer,
  startNats,
  startRelay,
  startServerProcess,
} from "@iot/testkit";
import { type SimulatedDevice, type SimulatedDeviceOptions, startSimulatedDevice } from "./simulated-device.ts";
import { deploymentYaml } from "./workload.ts";

const TOP = join(import.meta.dirname, "../..");
const WAIT_MS = 60_000;
export const NATS_NAME = "central.lan";

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly state: string;
  /** It differs when the container is another, or was started again. */
  readonly life: string;
}

const Listed = z.object({ Id: z.string(), Names: z.array(z.string()), Image: z.string(), State: z.string(), StartedAt: z.number() });

export interface WorldOptions extends SimulatedDeviceOptions {
  /** The agent reaches NATS directly by its address, or by name through a relay. */
  readonly through?: "address" | "name";
  readonly natsConfig?: string;
  /** The intervals of the agent's status and relist; the default is two seconds. */
  readonly intervals?: "short" | "as shipped";
  /** Further sections of the agent's configuration. */
  readonly agentConfig?: string;
  readonly beforeAgent?: (device: SimulatedDevice) => Promise<void>;
}

export class FaultWorld {
  readonly device: SimulatedDevice;
  readonly nats: NatsServer;
  readonly repository: GitRepository;
  /** Stands between the operator and NATS. */
  readonly relay: Relay;
  /** Stands between the device and NATS, where the agent looks a name up (`through: "name"`). */
  readonly deviceRelay: Relay;
  readonly #nameServer: NameServer | null;
  readonly #stack: AsyncDisposableStack;
  readonly #operatorEnv: Readonly<Record<string, string>>;
  #operator: ServerProcess | undefined;

  private constructor(
    parts: Pick<FaultWorld, "device" | "nats" | "repository" | "relay" | "deviceRelay"> & { readonly nameServer: NameServer | null },
    operatorEnv: Readonly<Record<string, string>>,
    stack: AsyncDisposableStack,
  ) {
    this.device = parts.device;
    this.nats = parts.nats;
    this.repository = parts.repository;
    this.relay = parts.relay;
    this.deviceRelay = parts.deviceRelay;
    this.#nameServer = parts.nameServer;
    this.#operatorEnv = operatorEnv;
    this.#stack = stack;
  }

  static async start(options: WorldOptions = {}): Promise<FaultWorld> {
    const { through = "address", natsConfig = "", intervals = "short", agentConfig = "", beforeAgent, ...deviceOptions } = options;
    await using stack = new AsyncDisposableStack();
    const device = stack.use(await startSimulatedDevice(deviceOptions));
    const nats = stack.use(await startNats({ host: device.hostAddress, config: natsConfig }));
    const repository = stack.use(await makeGitRepository());
    const relay = stack.use(await startRelay({ target: { host: nats.host, port: nats.port } }));
    const host = device.hostAddress;
    const deviceRelay = stack.use(await startRelay({ target: { host: nats.host, port: nats.port }, listenHost: host }));
    const nameServer = through === "address" ? null : stack.use(await startNameServer({ host, names: { [NATS_NAME]: host } }));
    const folder = await makeTempFolder("operator");
    stack.defer(() => folder.remove());
    const port = await freePort();
    const hook = `http://127.0.0.1:${port}/hooks/git`;
    await repository.setHook("post-receive", `#!/bin/sh\ncurl --silent --max-time 2 --output /dev/null --request POST ${hook}\nexit 0\n`);
    const operatorEnv = {
      NATS_URL: `nats://${relay.host}:${relay.port}`,
      IOT_GIT_URL: repository.url,
      IOT_SOURCE_ID: "git:faults",
      IOT_HTTP_PORT: String(port),
      // A killed operator leaves its copy of the repository behind.
      TMPDIR: folder.path,
    };
    const world = new FaultWorld({ device, nats, repository, relay, deviceRelay, nameServer }, operatorEnv, stack.move());
    try {
      await world.startOperator();
      const natsUrl = through === "name" ? `nats://${NATS_NAME}:${deviceRelay.port}` : nats.url;
      await beforeAgent?.(device);
      const intervalSettings = intervals === "short" ? "status_interval_seconds = 2\nrelist_interval_seconds = 2\n" : "";
      await device.startAgent({ natsUrl, agentSettings: `${intervalSettings}${agentConfig}` });
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }

  /** It exists where the agent connects by name. */
  get nameServer(): NameServer {
    if (this.#nameServer === null) throw new Error("nobody looks names up here: the world was started with the address");
    return this.#nameServer;
  }

  async stop(): Promise<void> {
    await this.#operator?.stop();
    await this.#stack.disposeAsync();
  }

  /** Resolves when it answers over HTTP; NATS need not run. */
  async startOperator(): Promise<void> {
    this.#operator = await startServerProcess({
      name: "iot-operator",
      argv: [process.execPath, join(TOP, "iot/iot-operator/src/main.ts")],
      env: this.#operatorEnv,
      ready: async () => (await fetch(`http://127.0.0.1:${this.#operatorEnv["IOT_HTTP_PORT"]}/healthz`)).ok,
    });
  }

  async killOperator(): Promise<void> {
    await this.#operator?.kill();
  }

  operatorLog(): string {
    return this.#operator?.log() ?? "";
  }

  /**
   * Pushes a commit with these deployments, as `name: [version, port]`; null removes one. The
   * default images are the device's own.
   */
  async push(
    deployments: Readonly<Record<string, readonly [version: string, port: number] | null>>,
    imageOf: (version: string) => string = this.device.image,
  ): Promise<void> {
    const files = Object.entries(deployments).map(([name, wanted]): [string, string | null] => {
      if (wanted === null) return [`${name}.yaml`, null];
      const [version, port] = wanted;
      const yaml = deploymentYaml({ device: this.device.id, image: imageOf(version), port });
      return [`${name}.yaml`, yaml.replace("name: hello-world", `name: ${name}`)];
    });
    await this.pushFiles(Object.fromEntries(files));
  }

  async pushFiles(files: Readonly<Record<string, string | null>>): Promise<void> {
    await this.repository.commit({ ...files });
    await this.repository.push();
  }

  async page(port: number): Promise<string> {
    const response = await fetch(`http://${this.device.address}:${port}/`, { signal: AbortSignal.timeout(2_000) });
    return response.text();
  }

  async answers(port: number, text: string): Promise<void> {
    try {
      await eventually(
        async () => {
          const found = await this.page(port);
          return found.includes(text) || Promise.reject(new Error(`the page says ${found}`));
        },
        { what: `the page at ${port} says ${text}`, timeoutMs: WAIT_MS },
      );
    } catch (cause) {
      throw new Error(`${errorText(cause)}; the agent's last words:\n${await this.agentsLastWords()}`, { cause });
    }
  }

  async agentsLastWords(): Promise<string> {
    const said = await this.device.agentEvents();
    return said
      .slice(-12)
      .map(({ message }) => message)
      .join("\n");
  }

  podman(...args: readonly string[]): Promise<string> {
    return this.#asUser(["podman", ...args]);
  }

  /** Runs systemctl for the user's own manager. */
  userSystemctl(...args: readonly string[]): Promise<string> {
    return this.#asUser(["systemctl", "--user", ...args]);
  }

  async #asUser(argv: readonly string[]): Promise<string> {
    return (await this.device.exec(argv, { user: "iot-agent" })).stdout.trim();
  }

  /** The containers from Podman's API, which is fast enough to catch a swap half-way. */
  async containers(): Promise<readonly Container[]> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const asked = request({ socketPath: this.device.podmanSocket, path: "/v5.0.0/libpod/containers/json?all=true" }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve(text)).on("error", reject);
    });
    asked.on("error", reject).end();
    const listed = z.array(Listed).parse(JSON.parse(await promise));
    const containers = listed.map(({ Id, Names, Image, State, StartedAt }) => ({
      name: Names[0] ?? "",
      image: Image,
      state: State,
      life: `${Id} ${StartedAt}`,
    }));
    return containers.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async container(name: string): Promise<Container> {
    const found = (await this.containers()).find((container) => container.name === name);
    if (found === undefined) throw new Error(`there is no container ${name}`);
    return found;
  }

  /** Waits until the output of the command line tool matches; it is read as one line. */
  async iotSays(args: readonly string[], pattern: RegExp): Promise<void> {
    const argv = [process.execPath, join(TOP, "iot/iot-cli/src/main.ts"), ...args];
    await eventually(
      async () => {
        const { stdout, stderr } = await run(argv, { env: { NATS_URL: this.nats.url }, allowExitCodes: [0, 1] });
        const said = `${stdout} ${stderr}`.replaceAll(/\s+/g, " ").trim();
        return pattern.test(said) || Promise.reject(new Error(`it says "${said}"`));
      },
      { what: `iot ${args.join(" ")} says ${pattern}`, timeoutMs: WAIT_MS, intervalMs: 200 },
    );
  }

  /** Waits until the agent has logged this since then. */
  async agentSays(pattern: RegExp, sinceMs: number): Promise<void> {
    await eventually(
      async () => {
        const said = (await this.device.agentEvents()).filter(({ at }) => at >= sinceMs).map(({ message }) => message);
        return said.some((line) => pattern.test(line)) || Promise.reject(new Error(`since then it said: ${said.join(" | ")}`));
      },
      { what: `the agent's journal says ${pattern}`, timeoutMs: WAIT_MS, intervalMs: 200 },
    );
  }

  /** Waits until `systemctl status iot-agent` ends in this; gives all of it. */
  async statusSays(pattern: RegExp): Promise<string> {
    return await eventually(
      async () => {
        const { stdout } = await this.device.exec(["systemctl", "show", "--property=StatusText", "--value", "iot-agent"]);
        return pattern.test(stdout) ? stdout.trim() : Promise.reject(new Error(`it says "${stdout.trim()}"`));
      },
      { what: `systemctl status says ${pattern}`, timeoutMs: WAIT_MS, intervalMs: 200 },
    );
  }

  async operatorSays(pattern: RegExp): Promise<void> {
    await eventually(() => pattern.test(this.operatorLog()) || Promise.reject(new Error(this.operatorLog().slice(-500))), {
      what: `the operator says ${pattern}`,
      timeoutMs: WAIT_MS,
    });
  }

  /**
   * The agent's process as this machine sees it: to kill it at once, unlike `systemctl kill`. Its
   * next restart is as after ten quiet minutes, without the back-off of earlier ends.
   */
  async agentPid(): Promise<number> {
    const pid = await this.#findAgent();
    await this.device.exec(["systemctl", "reset-failed", "iot-agent"]);
    return pid;
  }

  async #findAgent(): Promise<number> {
    const device = (await this.device.exec(["readlink", "/proc/self/ns/pid"])).stdout.trim();
    return eventually(
      async () => {
        for (const name of await readdir("/proc")) {
          if (!/^\d+$/.test(name)) continue;
          const namespace = await readlink(`/proc/${name}/ns/pid`).catch(() => "");
          const commandLine = namespace === device ? await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "") : "";
          if (commandLine.startsWith("/usr/bin/iot-agent")) return Number(name);
        }
        return undefined;
      },
      { what: "the agent's process", timeoutMs: WAIT_MS },
    );
  }

  /** Writes bytes into a bucket past all checks. */
  async putRaw(subject: string, bytes: string): Promise<void> {
    const messaging = await this.#connect();
    await messaging.connection.request(subject, bytes);
    await messaging.close();
  }

  /**
   * Listens once this has resolved; `written` resolves when the next write to that subject is made.
   */
  async nextWrite(subject: string): Promise<{ readonly written: Promise<void> }> {
    const messaging = await this.#connect();
    const written = Promise.withResolvers<void>();
    messaging.connection.subscribe(subject, { max: 1, callback: () => written.resolve() });
    await messaging.connection.flush();
    return { written: written.promise.then(() => messaging.close()) };
  }

  #connect(): Promise<Messaging> {
    const log = createLog({ name: "test", write: () => undefined });
    return connectMessaging({ servers: [this.nats.url], name: "test", log, signal: AbortSignal.timeout(WAIT_MS) });
  }
}
