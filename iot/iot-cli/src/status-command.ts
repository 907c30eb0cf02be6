// `iot status`: the fleet as a table.

import { visibleJson, visibleLines } from "@harmony/core";
import { defineCommand } from "./command.ts";
import { JSON_OPTION, NATS_OPTION, natsAccess } from "./nats-option.ts";
import { readFleet } from "./read-fleet.ts";
import { renderStatus } from "./render-fleet.ts";

export const status = defineCommand({
  options: { ...JSON_OPTION, ...NATS_OPTION },
  async run({ json, nats }, _operands, at) {
    const fleet = await readFleet(natsAccess(nats, at), at.signal);
    at.write(json === true ? visibleJson(fleet, 2) : visibleLines(renderStatus(fleet, at.width)));
    return 0;
  },
});
