// Runs a real nats-server with JetStream on loopback, in a folder of its own. A test can kill it as
// by a power cut, and start it again on the same port and store; the store can be looked at or
// replaced in between.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { natsServerProgram } from "./real-parts.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";
import { makeTempFolder } from "./temp-folder.ts";

export interface NatsOptions {
  /**
   * The text of a server configuration. Host, port and store of the server come from the other
   * options, whatever it says.
   */
  readonly config?: string;
  /**
   * The folder where JetStream keeps its data. A folder given here is not removed; the default is a
   * temporary one.
   */
  readonly storeDir?: string;
  readonly port?: number;
  /** The default is 127.0.0.1. Use `device.hostAddress` for a server that a device must reach. */
  readonly host?: string;
  /** false: the server only passes messages on, as a leaf node. */
  readonly jetstream?: boolean;
}

export interface NatsServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The monitoring endpoint: `/varz`, `/connz`, `/jsz`. */
  readonly monitorUrl: string;
  readonly storeDir: string;
  readonly pid: number;
  log(): string;
  /** Ends the server; `start` brings it back with the same store and address. */
  down(): Promise<void>;
  /** Sends SIGKILL. `start` brings it back. */
  kill(): Promise<void>;
  /** Starts it after `down` or `kill`, with another configuration if one is given. */
  start(config?: string): Promise<void>;
  restart(config?: string): Promise<void>;
  /** Makes the running server read a changed configuration, without dropping its connections. */
  reload(config: string): Promise<void>;
  /** Ends it and removes what it left. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const STORE_DIR = /\bstore_dir\s*[:=]?\s*("[^"]*"|'[^']*'|[^\s,}]+)/;

export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const program = await natsServerProgram();
  const folder = await makeTempFolder("nats");
  const host = options.host ?? "127.0.0.1";
  const port = options.port ?? (await freePort(host));
  const monitorPort = await freePort();
  const storeDir = options.storeDir ?? join(folder.path, "store");
  const configFile = join(folder.path, "nats-server.conf");
  let config = options.config ?? "";
  let process: ServerProcess | undefined;

  const writeConfig = async (): Promise<void> => {
    const text = config.replace(STORE_DIR, `store_dir: ${JSON.stringify(storeDir)}`);
    await writeFile(configFile, `${text}\nhttp: "127.0.0.1:${monitorPort}"\n`);
  };
  const start = async (changed?: string): Promise<void> => {
    if (process?.running()) throw new Error(`failed to start nats-server on port ${port}: it is running`);
    config = changed ?? config;
    await mkdir(storeDir, { recursive: true });
    await writeConfig();
    // nats-server rejects a store that is given both as a flag and in the file, as a duplicate.
    const store = STORE_DIR.test(config) ? [] : ["--store_dir", storeDir];
    const jetstream = options.jetstream === false ? [] : ["--jetstream", ...store];
    const address = ["--addr", host, "--port", String(port), ...jetstream];
    process = await startServerProcess({
      name: "nats-server",
      argv: [program, "--config", configFile, ...address],
      ready: async () => (await fetch(`http://127.0.0.1:${monitorPort}/healthz`)).ok,
    });
  };
  const current = (): ServerProcess => {
    if (process === undefined) throw new Error("nats-server is not running");
    return process;
  };
  const reloads = (): number =>
    current()
      .log()
      .split(/Reloaded server configuration|Failed to reload/).length;
  const down = async (): Promise<void> => process?.stop();
  const stop = async (): Promise<void> => {
    await down();
    await folder.remove();
  };
  try {
    await start();
  } catch (error) {
    await folder.remove();
    throw error;
  }
  return {
    url: `nats://${host}:${port}`,
    host,
    port,
    monitorUrl: `http://127.0.0.1:${monitorPort}`,
    storeDir,
    get pid() {
      return current().pid;
    },
    log: () => current().log(),
    down,
    kill: async () => process?.kill(),
    start,
    restart: async (changed) => {
      await down();
      await start(changed);
    },
    reload: async (changed) => {
      config = changed;
      await writeConfig();
      const before = reloads();
      globalThis.process.kill(current().pid, "SIGHUP");
      // Until then JetStream may answer nothing.
      await eventually(() => reloads() > before, { what: "nats-server has read its configuration again", intervalMs: 5 });
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
