// `iot release`: ends a hold.

import { parse } from "@harmony/schema";
import { Released } from "@iot/contracts";
import { defineCommand } from "../command-line/command.ts";
import { NATS_OPTION } from "../command-line/nats-option.ts";
import { askShortly, deviceOf, PEOPLE_DETAILS, withAsker } from "./as-person.ts";
import { targetOf } from "./target.ts";

export const release = defineCommand({
  options: NATS_OPTION,
  operands: [2, 2],
  details: PEOPLE_DETAILS,
  async run({ nats }, [name = "", text = ""], at) {
    const device = deviceOf(text);
    const { deployment } = targetOf(name);
    const result = await withAsker(nats, at, (asker) => askShortly(asker, { device, verb: "release", fields: { deployment } }, at.signal));
    const released = parse(Released, result);
    const wasHeld = released.ok && released.value.wasHeld;
    at.write(wasHeld ? `${deployment} is released on ${device} and is started again\n` : `${deployment} was not held on ${device}\n`);
    return 0;
  },
});
