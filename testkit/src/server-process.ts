// Runs a server that a test starts: one child process, its last log lines kept for error messages,
// and certain to end. It does not outlive the process that started it, however that one ends: the
// kernel kills it (`PR_SET_PDEATHSIG`).

import { spawn } from "node:child_process";
import { eventually } from "./eventually.ts";

export interface ServerProcessOptions {
  readonly name: string;
  readonly argv: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** `log`: what it wrote so far. */
  readonly ready: (log: string) => Promise<boolean>;
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
  /** Sends SIGKILL: no flush, no farewell. */
  kill(): Promise<void>;
}

const LOG_LINES = 400;
const STOP_TIMEOUT_MS = 10_000;

export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { name, argv, ready, readyTimeoutMs = 60_000 } = options;
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...argv], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    // Ctrl-C in a terminal reaches only the process that started it, which then ends it in order.
    detached: true,
  });
  let running = true;
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
      running = false;
      resolve();
    });
    child.once("close", () => {
      running = false;
      resolve();
    });
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (running) child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  };
  const server: ServerProcess = {
    pid: child.pid ?? -1,
    log: () => lines.join("\n"),
    running: () => running,
    exited,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
  };
  try {
    await eventually(async () => !running || (await ready(server.log())), { what: `${name} is ready`, timeoutMs: readyTimeoutMs });
    if (!running) throw new Error(`${name} ended while starting`);
  } catch (cause) {
    await server.kill();
    throw new Error(`failed to start ${name}; its last words:\n${lines.slice(-25).join("\n")}`, { cause });
  }
  return server;
}
