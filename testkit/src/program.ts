// Runs programs that end: started with an argument list (never a shell string), awaited, and
// reported with their output when they fail. Servers, which do not end by themselves, are in
// server-process.ts.

import { spawn } from "node:child_process";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Buffer;
  readonly timeoutMs?: number;
  /** The exit codes that are an answer rather than a failure; the default is only 0. */
  readonly allowExitCodes?: readonly number[];
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program = "", ...args] = argv;
  const { timeoutMs = 120_000, allowExitCodes = [0] } = options;
  const { promise, resolve, reject } = Promise.withResolvers<RunResult>();
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ? { ...process.env, ...options.env } : process.env,
    stdio: ["pipe", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  // A program may end without reading its input; its exit code says whether that was a failure.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.stdin ?? "");
  child.on("error", (cause) => reject(new Error(`failed to start ${program}`, { cause })));
  child.on("close", (code, signal) => {
    const result = { exitCode: code ?? 128, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
    if (signal === null && allowExitCodes.includes(result.exitCode)) return resolve(result);
    const end = signal === null ? `exit code ${code}` : `ended by ${signal}, perhaps after ${timeoutMs} ms`;
    const said = (result.stderr.trim() || result.stdout.trim()).split("\n").slice(-20).join("\n");
    reject(new Error(`failed to run "${argv.join(" ").slice(0, 300)}": ${end}\n${said}`));
  });
  return promise;
}

/**
 * The path of a program on the PATH (with the sbin folders, which a plain user's PATH lacks), or
 * undefined.
 */
export async function findProgram(name: string): Promise<string | undefined> {
  const path = `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;
  const { exitCode, stdout } = await run(["/bin/sh", "-c", 'command -v "$0"', name], { env: { PATH: path }, allowExitCodes: [0, 1, 127] });
  return exitCode === 0 ? stdout.trim() : undefined;
}
