// `iot lint`: workload files before they are pushed. Where NATS is named, their devices are
// compared with those that have reported there.

import { visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { YamlReader } from "@iot/workload-files";
import { defineCommand, type Surroundings } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { NATS_OPTION } from "../command-line/nats-option.ts";
import { findFiles } from "./find-files.ts";
import { lint as lintAll, renderFindings } from "./lint-files.ts";
import { readFleet } from "../fleet/read-fleet.ts";
import { fleetAccess } from "../identity/who-asks.ts";

export const lint = defineCommand({
  options: {
    nats: { ...NATS_OPTION.nats, about: "compares the devices with those that have reported there (default: NATS_URL, else not)" },
  },
  operands: [1, Infinity],
  details: "A path is a file, or a folder with *.yaml and *.yml.",
  async run({ nats }, paths, at) {
    const found = await findFiles(paths);
    const { files, unread } = found;
    await using reader = new YamlReader();
    const result = lintAll({ ...found, read: await reader.readClosely(files), reported: await reportedDevices(nats, at) });
    at.write(visibleLines(renderFindings(result, new Set([...files, ...unread].map(({ path }) => path)).size)));
    return result.findings.some(({ severity }) => severity === "error") ? EXIT.failed : 0;
  },
});

/** null: no NATS is named, or it does not answer, which is said. */
async function reportedDevices(nats: string | undefined, at: Surroundings): Promise<readonly string[] | null> {
  if ([nats, at.env["NATS_URL"]].every((url) => url === undefined || url === "")) return null;
  try {
    const { devices } = await readFleet(await fleetAccess(nats, at), at.signal);
    return devices.filter(({ lastSeenAt }) => lastSeenAt !== null).map(({ device }) => device);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    at.warn(visibleLines(`the devices are not compared with those that have reported: ${error.message}\n`));
    return null;
  }
}
