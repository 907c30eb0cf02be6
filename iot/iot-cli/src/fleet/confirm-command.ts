// `iot confirm`: the removals that iot status shows with a token may go.

import { visibleLines } from "@harmony/core";
import { ask } from "./ask-operators.ts";
import { defineCommand } from "../command-line/command.ts";
import { NATS_OPTION } from "../command-line/nats-option.ts";
import { fleetAccess } from "../identity/who-asks.ts";

export const confirm = defineCommand({
  options: NATS_OPTION,
  operands: [1, 1],
  async run({ nats }, [token = ""], at) {
    at.write(visibleLines(`${await ask(await fleetAccess(nats, at), "confirm", { token }, at.signal)}\n`));
    return 0;
  },
});
