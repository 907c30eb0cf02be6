// A server that a test starts: one child process, its last log lines kept for error messages, ended for certain. Whatever is
// still running when the test process exits is killed with it.

import { type ChildProcess, spawn } from "node:child_process";
import { eventually } from "./eventually.ts";

export interface ServerProcessOptions {
  readonly name: string;
  readonly argv: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly ready: () => Promise<boolean>;
  readonly readyTimeoutMs?: number;
}

export interface ServerProcess {
  readonly pid: number;
  /** The last lines that it wrote to stdout and stderr. */
  log(): string;
  running(): boolean;
  /** Resolves when the process has ended, by whatever means. */
  readonly exited: Promise<void>;
  /** Asks it to end, and kills it if it does not within ten seconds. */
  stop(): Promise<void>;
  /** SIGKILL: no flush, no farewell. */
  kill(): Promise<void>;
}

const LOG_LINES = 400;
const STOP_TIMEOUT_MS = 10_000;
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { name, argv, ready, readyTimeoutMs = 60_000 } = options;
  const [program = "", ...args] = argv;
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  alive.add(child);
  const lines: string[] = [];
  const keep = (chunk: Buffer): void => {
    lines.push(...chunk.toString().split("\n").filter(Boolean));
    if (lines.length > LOG_LINES) lines.splice(0, lines.length - LOG_LINES);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const exited = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      lines.push(error.message);
      alive.delete(child);
      resolve();
    });
    child.once("close", () => {
      alive.delete(child);
      resolve();
    });
  });
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    if (alive.has(child)) child.kill(name);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  };
  const server: ServerProcess = {
    pid: child.pid ?? -1,
    log: () => lines.join("\n"),
    running: () => alive.has(child),
    exited,
    stop: () => signal("SIGTERM"),
    kill: () => signal("SIGKILL"),
  };
  let ended = false;
  void exited.then(() => (ended = true));
  try {
    await eventually(async () => ended || (await ready()), { what: `${name} is ready`, timeoutMs: readyTimeoutMs });
    if (ended) throw new Error(`${name} ended while starting`);
  } catch (cause) {
    await server.kill();
    throw new Error(`failed to start ${name}; its last words:\n${lines.slice(-25).join("\n")}`, { cause });
  }
  return server;
}
