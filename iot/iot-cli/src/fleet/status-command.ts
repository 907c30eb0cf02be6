// `iot status`: the fleet as a table, once or again and again.

import { setTimeout as pause } from "node:timers/promises";
import { visibleJson, visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { BootsHeard } from "@iot/fleet";
import { defineCommand, type Surroundings } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { filterFleet } from "./filter-fleet.ts";
import { JSON_OPTION, NATS_OPTION, natsAccess } from "../command-line/nats-option.ts";
import { type FleetView, readFleet } from "./read-fleet.ts";
import { renderStatus } from "./render-fleet.ts";

const LOOK_EVERY_MS = 2_000;
const CLEAR = "\u001b[H\u001b[J";

export const status = defineCommand({
  options: {
    device: { type: "string", multiple: true, value: "id", about: "this device alone; * stands for any text; may be said again" },
    deployment: { type: "string", multiple: true, value: "name", about: "this deployment alone, in the same way" },
    problem: { type: "boolean", about: "what is not as it should be, alone" },
    output: { type: "string", short: "o", value: "wide|json", about: "wide: every row by itself, with revision, commit and digests" },
    watch: { type: "boolean", short: "w", about: "looks again and again, until ^C" },
    ...JSON_OPTION,
    ...NATS_OPTION,
  },
  async run({ device = [], deployment = [], problem = false, output, watch, json, nats }, _operands, at) {
    if (output !== undefined && output !== "wide" && output !== "json") throw new UserError("-o takes wide or json", EXIT.usage);
    const access = natsAccess(nats, at);
    const boots = new BootsHeard();
    const read = async (): Promise<FleetView> =>
      filterFleet(await readFleet(access, at.signal, boots), { devices: device, deployments: deployment, onlyProblems: problem });
    const render = (fleet: FleetView): string =>
      json === true || output === "json"
        ? visibleJson(fleet, 2)
        : visibleLines(renderStatus(fleet, { width: at.width, isWide: output === "wide" }));
    if (watch === true) return watchFleet(read, render, at);
    at.write(render(await read()));
    return 0;
  },
});

/** On a terminal the newest is all that is seen; elsewhere each that differs in more than its ages. */
async function watchFleet(read: () => Promise<FleetView>, render: (fleet: FleetView) => string, at: Surroundings): Promise<number> {
  for (let seen = ""; ; await pause(LOOK_EVERY_MS, undefined, { signal: at.signal })) {
    let text: string;
    try {
      text = render(await read());
    } catch (error) {
      if (!(error instanceof UserError) || error.exitCode !== EXIT.notReached) throw error;
      text = `${error.message}\n`;
    }
    const known = text.replaceAll(/\d+ (s|min|h|d)\b/g, "");
    if (at.isTerminal) at.write(`${CLEAR}${text}`);
    else if (known !== seen) at.write(`${text}\n`);
    seen = known;
  }
}
