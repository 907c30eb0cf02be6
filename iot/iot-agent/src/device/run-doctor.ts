// Runs `iot-agent doctor` for a person who asks from afar, as a process of its own: what it loads
// is gone with it, and a mistake in it is not the agent's.

import { execFile } from "node:child_process";
import { isSea } from "node:sea";
import { promisify } from "node:util";

const WITHIN_MS = 60_000;
const ANSWER_BYTES = 256 * 1024;

export async function runDoctor(configFile: string, signal: AbortSignal): Promise<unknown> {
  const script = isSea() ? [] : [...process.execArgv, process.argv[1] ?? ""];
  const args = [...script, "--config", configFile, "doctor", "--json"];
  const options = { signal, timeout: WITHIN_MS, maxBuffer: ANSWER_BYTES };
  // It ends with 1 when something is bad, which is an answer.
  const said = await promisify(execFile)(process.execPath, args, options).then(
    ({ stdout }) => stdout,
    (error: unknown) => outputOf(error),
  );
  signal.throwIfAborted();
  const found: unknown = JSON.parse(said);
  return found;
}

function outputOf(error: unknown): string {
  if (error instanceof Error && "stdout" in error && typeof error.stdout === "string" && error.stdout.trim() !== "") return error.stdout;
  throw new Error("failed to look at what the agent stands on: iot-agent doctor gave no answer; run it at the device", { cause: error });
}
