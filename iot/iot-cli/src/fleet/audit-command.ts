// `iot audit`: what was removed, held, lost and said.

import { visibleJson } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { audit as readEvents, renderAudit } from "./ask-operators.ts";
import { defineCommand } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { JSON_OPTION, NATS_OPTION } from "../command-line/nats-option.ts";
import { fleetAccess } from "../identity/who-asks.ts";

export const audit = defineCommand({
  options: {
    last: { type: "string", value: "count", about: "how many (50)" },
    source: { type: "string", value: "id", about: "of these, this source's alone" },
    ...JSON_OPTION,
    ...NATS_OPTION,
  },
  async run({ last = "50", source = null, json, nats }, _operands, at) {
    const count = Number(last);
    if (!Number.isSafeInteger(count) || count < 1 || count > 10_000)
      throw new UserError("--last takes a whole number from 1 to 10000", EXIT.usage);
    const events = await readEvents(await fleetAccess(nats, at), { count, source }, at.signal);
    at.write(json === true ? visibleJson(events, 2) : renderAudit(events));
    return 0;
  },
});
