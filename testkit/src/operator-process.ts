// The operator as a process of its own, started from its sources.

import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";

/** As its Containerfile has them. */
const FLAGS = ["--max-semi-space-size=8", "--heap-growing-percent=30"];
const MAIN = join(import.meta.dirname, "../../iot/iot-operator/src/main.ts");

export interface OperatorProcess extends ServerProcess {
  /** Where it answers over HTTP, on 127.0.0.1. */
  readonly port: number;
}

/**
 * `env`: what its README names, but for the port. It is there once it is ready, or (`healthz`) once
 * it runs.
 */
export async function startOperatorProcess(
  env: Readonly<Record<string, string>>,
  until: "readyz" | "healthz" = "readyz",
): Promise<OperatorProcess> {
  const port = await freePort();
  const operator = await startServerProcess({
    name: "iot-operator",
    argv: [process.execPath, ...FLAGS, MAIN],
    env: { ...env, IOT_HTTP_PORT: String(port) },
    ready: async () => (await fetch(`http://127.0.0.1:${port}/${until}`)).ok,
  });
  return { ...operator, port };
}
