// `iot status`: the fleet as a table, once or again and again.

import { visibleJson, visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { BootsHeard } from "@iot/fleet";
import { defineCommand } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { filterFleet } from "./filter-fleet.ts";
import { lookAgain } from "./look-again.ts";
import { JSON_OPTION, NATS_OPTION } from "../command-line/nats-option.ts";
import { type FleetView, readFleet } from "./read-fleet.ts";
import { renderStatus } from "./render-fleet.ts";
import { fleetAccess } from "../identity/who-asks.ts";

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
    const access = await fleetAccess(nats, at);
    const boots = new BootsHeard();
    const read = async (): Promise<FleetView> =>
      filterFleet(await readFleet(access, at.signal, boots), { devices: device, deployments: deployment, onlyProblems: problem });
    const render = (fleet: FleetView): string =>
      json === true || output === "json"
        ? visibleJson(fleet, 2)
        : visibleLines(renderStatus(fleet, { width: at.width, isWide: output === "wide" }));
    if (watch === true) return lookAgain(async () => render(await read()), at);
    at.write(render(await read()));
    return 0;
  },
});
