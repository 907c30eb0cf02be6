// `iot keep`: what was to be removed stays on the devices.

import { visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { ask } from "./ask-operators.ts";
import { defineCommand } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { NATS_OPTION } from "../command-line/nats-option.ts";
import { fleetAccess } from "../identity/who-asks.ts";

export const keep = defineCommand({
  options: { namespace: { type: "string", value: "namespace", about: "all of this namespace" }, ...NATS_OPTION },
  operands: [0, 1],
  details: "The name is a Deployment's, or namespace/name.",
  async run({ namespace, nats }, [name], at) {
    if (name === undefined && namespace === undefined) throw new UserError("name a Deployment, or --namespace with all of it", EXIT.usage);
    const request = { ...(name === undefined ? {} : { name }), ...(namespace === undefined ? {} : { namespace }) };
    at.write(visibleLines(`${await ask(await fleetAccess(nats, at), "keep", request, at.signal)}\n`));
    return 0;
  },
});
