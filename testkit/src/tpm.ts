// Runs a TPM in software (Debian's swtpm), on loopback, for tpm2-tools (Debian's, too). It keeps
// what it was given, so that it can be taken away and put back.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { run } from "./program.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";
import { makeTempFolder } from "./temp-folder.ts";

export interface TestTpm {
  /** What tpm2-tools read of their environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The board is pulled off; `start` puts it back. */
  kill(): Promise<void>;
  start(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startTpm(): Promise<TestTpm> {
  const folder = await makeTempFolder("tpm");
  const state = join(folder.path, "state");
  await mkdir(state);
  // tpm2-tools expect the second port to be the one after the first.
  const port = await freePort();
  const env = { TPM2TOOLS_TCTI: `swtpm:host=127.0.0.1,port=${port}` };
  let server: ServerProcess | null = null;
  const start = async (): Promise<void> => {
    const at = (which: number): string => `type=tcp,port=${port + which},bindaddr=127.0.0.1`;
    const flags = ["--tpm2", "--tpmstate", `dir=${state}`, "--flags", "not-need-init,startup-clear"];
    server = await startServerProcess({
      name: "swtpm",
      argv: ["swtpm", "socket", ...flags, "--server", `${at(0)},disconnect`, "--ctrl", at(1), "--log", "level=1"],
      ready: async () => (await run(["tpm2_getrandom", "--hex", "4"], { env, allowExitCodes: [0, 1, 2, 3] })).exitCode === 0,
    });
  };
  await start();
  return {
    env,
    kill: async () => server?.kill(),
    start,
    [Symbol.asyncDispose]: async () => {
      await server?.kill();
      await folder.remove();
    },
  };
}
