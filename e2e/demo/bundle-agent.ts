// The agent as one file, as it goes onto a device.

import { join } from "node:path";
import { run } from "@iot/testkit";

const AGENT_FOLDER = join(import.meta.dirname, "../../iot/iot-agent");

/** Its path. */
export async function bundleAgent(): Promise<string> {
  await run(["npm", "run", "--silent", "bundle"], { cwd: AGENT_FOLDER, env: { NODE_DISABLE_COMPILE_CACHE: "1" } });
  return join(AGENT_FOLDER, "dist/iot-agent.mjs");
}
