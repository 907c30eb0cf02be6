// Runs a program of the system for a command, with a time limit: what it printed, or that it is not
// there.

import { execFile } from "node:child_process";

export interface Ran {
  /** Null: there is no such program, or it was ended. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const LIMIT_MS = 20_000;
const OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024;

export function runProgram(argv: readonly string[], options: { readonly limitMs?: number } = {}): Promise<Ran> {
  const [file = "", ...args] = argv;
  const { promise, resolve } = Promise.withResolvers<Ran>();
  const settings = { timeout: options.limitMs ?? LIMIT_MS, maxBuffer: OUTPUT_LIMIT_BYTES, env: { ...process.env, LC_ALL: "C" } };
  execFile(file, args, settings, (error, stdout, stderr) => {
    const exitCode = error === null ? 0 : typeof error.code === "number" ? error.code : null;
    resolve({ exitCode, stdout, stderr });
  });
  return promise;
}
