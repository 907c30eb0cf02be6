// The two programs that are shipped, and how each becomes one file: the agent of a device, and
// `iot` for a person's machine.

import { join } from "node:path";
import { REPOSITORY } from "./node-program.ts";

export interface ShippedProgram {
  /** Also of its Debian package. */
  readonly name: "iot-agent" | "iot";
  /** Relative to the repository. */
  readonly entry: string;
  readonly alias: Readonly<Record<string, string>>;
  /** Of Node and V8; a code cache is refused unless it was made under the same. */
  readonly flags: readonly string[];
  /** Has `root`, as it lies on the machine, and `debian`: control, and the maintainer scripts. */
  readonly sources: string;
  readonly maintainerScripts: readonly string[];
}

/** The flags with which the agent needs least (docs/bench.md). */
export const AGENT_FLAGS = [
  "--max-old-space-size=64",
  "--max-semi-space-size=1",
  "--v8-pool-size=1",
  "--single-threaded",
  "--lite-mode",
  "--optimize-for-size",
  "--max-lazy",
  // Each collection (collect-garbage.ts) drops the bytecode of functions that have not run since
  // the one before, and closes the gaps that this leaves.
  "--flush-bytecode",
  "--bytecode-old-age=1",
  "--compact-on-every-full-gc",
] as const;

export const AGENT: ShippedProgram = {
  name: "iot-agent",
  entry: "iot/iot-agent/src/main.ts",
  alias: { "node:tls": "./iot/iot-agent/src/lazy-tls.ts", "@nats-io/nkeys": "./iot/iot-agent/src/without-nkeys.ts" },
  flags: AGENT_FLAGS,
  sources: join(REPOSITORY, "iot/iot-agent/package"),
  maintainerScripts: ["postinst", "prerm", "postrm"],
};

export const IOT: ShippedProgram = {
  name: "iot",
  entry: "iot/iot-cli/src/main.ts",
  alias: {},
  flags: [],
  sources: join(REPOSITORY, "iot/iot-cli/package"),
  maintainerScripts: [],
};
