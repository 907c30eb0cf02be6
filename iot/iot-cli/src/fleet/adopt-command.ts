// `iot adopt`: a source takes over from one that is gone.

import { visibleLines } from "@harmony/core";
import { ask } from "./ask-operators.ts";
import { defineCommand } from "../command-line/command.ts";
import { NATS_OPTION } from "../command-line/nats-option.ts";
import { fleetAccess } from "../identity/who-asks.ts";

export const adopt = defineCommand({
  options: NATS_OPTION,
  operands: [1, 1],
  async run({ nats }, [source = ""], at) {
    at.write(visibleLines(`${await ask(await fleetAccess(nats, at), "adopt", { source }, at.signal)}\n`));
    return 0;
  },
});
