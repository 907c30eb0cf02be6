// An agent whose Topology is a folder: in the test's own process, or as a process that can be
// killed (file-agent-main.ts).

import { mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { bind } from "@harmony/core";
import { createLog, type Log } from "@harmony/runtime";
import type { DeviceId } from "@iot/contracts";
import { fixedCredentials, type UserAndPassword } from "@iot/messaging/device";
import { makeTempFolder } from "@iot/testkit";
import * as z from "zod/mini";
import { connectAgent } from "../src/commands/agent/agent-client.ts";
import { connectServiceManager, type RemotePolicy, runAgent } from "../src/index.ts";
import { DEVICE } from "./central.ts";
import { fileVariant, folderTopology } from "./second-variant/file-v0.ts";

export interface FileDevice extends AsyncDisposable {
  readonly folder: string;
  readonly stateDir: string;
  readonly lines: string[];
  /** What the file of that deployment holds; null: there is none. */
  content(name: string, type?: string): Promise<string | null>;
  files(): Promise<readonly string[]>;
  /** `as`: the device's id. */
  start(natsUrl: string, as?: DeviceId, more?: Pick<FileAgentOptions, "credential" | "remote">): void;
  /** Asks as a command of a person does. */
  ask(method: "GET" | "POST", path: string, body?: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

export async function makeFileDevice(): Promise<FileDevice> {
  const temporary = await makeTempFolder("file-device");
  const folder = join(temporary.path, "folder");
  const stateDir = join(temporary.path, "state");
  await mkdir(folder);
  const lines: string[] = [];
  const log = createLog({ name: "agent", format: "json", write: (line) => void lines.push(line) });
  let running: { readonly abort: AbortController; readonly ended: Promise<void> } | null = null;
  const device: FileDevice = {
    folder,
    stateDir,
    lines,
    files: async () => (await readdir(folder)).toSorted(),
    content: async (name, type = "FileV0") => {
      const text = await readFile(join(folder, `${name}.${type}`), "utf8").catch(() => null);
      const value: unknown = text === null || text === "" ? null : JSON.parse(text);
      return typeof value === "object" && value !== null && "content" in value ? String(value.content) : null;
    },
    start: (natsUrl, as, more = {}) => {
      const abort = new AbortController();
      running = { abort, ended: runFileAgent({ folder, stateDir, natsUrl, device: as, ...more, log, signal: abort.signal }) };
    },
    ask: (method, path, body) =>
      connectAgent({ runDir: dirname(stateDir) }).ask(z.unknown(), { method, path, ...(body === undefined ? {} : { body }) }),
    stop: async () => {
      running?.abort.abort(new Error("stopped"));
      await running?.ended.catch(() => undefined);
      running = null;
    },
    [Symbol.asyncDispose]: async () => {
      await device.stop();
      await temporary.remove();
    },
  };
  return device;
}

export interface FileAgentOptions {
  readonly folder: string;
  readonly stateDir: string;
  readonly natsUrl: string;
  readonly device?: DeviceId | undefined;
  readonly credential?: UserAndPassword;
  readonly remote?: RemotePolicy;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export function runFileAgent(options: FileAgentOptions): Promise<void> {
  const { folder, stateDir, natsUrl, device = DEVICE, credential = { user: "u", pass: "p" }, remote, log, signal } = options;
  const topology = folderTopology(folder);
  return runAgent({
    config: {
      device,
      labels: { site: "lab" },
      stateDir,
      runDir: dirname(stateDir),
      statusIntervalMs: 1_000,
      relistIntervalMs: 500,
      natsUrls: [natsUrl],
      natsCaFile: undefined,
      natsConnectTimeoutMs: undefined,
      ...(remote === undefined ? {} : { remote }),
    },
    credentials: fixedCredentials(credential),
    variants: [bind(fileVariant("FileV0"), topology), bind(fileVariant("OtherFileV0"), topology)],
    inventory: (aborted) => topology.inventory(aborted),
    serviceManager: connectServiceManager({}),
    log,
    signal,
  });
}

export function fileScore(content: string, more: Record<string, string> = {}, type = "FileV0"): string {
  return JSON.stringify({ type, data: { content, ...more } });
}
