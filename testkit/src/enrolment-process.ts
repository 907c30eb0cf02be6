// The enrolment service as a process of its own, started from its sources.

import { join } from "node:path";
import { type RunResult, run } from "./program.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";

const MAIN = join(import.meta.dirname, "../../iot/iot-enrolment/src/main.ts");

/** `env`: what its README names; `ready` says whether it answers. */
export function startEnrolmentProcess(env: Readonly<Record<string, string>>, ready: () => Promise<boolean>): Promise<ServerProcess> {
  return startServerProcess({ name: "iot-enrolment", argv: [process.execPath, MAIN, "--standalone"], env, ready });
}

/** One of its commands, such as `person add anna --role admin`. */
export function runEnrolment(args: readonly string[], env: Readonly<Record<string, string>>): Promise<RunResult> {
  return run([process.execPath, MAIN, ...args], { env });
}
