// The command line.

import { parseArgs } from "node:util";
import { errorText, UserError } from "@harmony/runtime";
import { DEFAULT_CONFIG_FILE } from "./config.ts";

export const HELP = `Usage: iot-agent [--config FILE]

Makes this device run what its manifest in NATS says. FILE is ${DEFAULT_CONFIG_FILE} unless told; --version and --help.
`;

/** @throws UserError */
export function readArguments() {
  try {
    const { values } = parseArgs({
      options: { config: { type: "string", default: DEFAULT_CONFIG_FILE }, version: { type: "boolean" }, help: { type: "boolean" } },
    });
    return values;
  } catch (error) {
    throw new UserError(`${errorText(error)}; see iot-agent --help`, 2);
  }
}
