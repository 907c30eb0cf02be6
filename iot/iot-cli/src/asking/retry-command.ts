// `iot retry`: has a device try again now what failed, or what it waits for.

import { defineCommand } from "../command-line/command.ts";
import { NATS_OPTION } from "../command-line/nats-option.ts";
import { askShortly, deviceOf, PEOPLE_DETAILS, withAsker } from "./as-person.ts";
import { targetOf } from "./target.ts";

export const retry = defineCommand({
  options: NATS_OPTION,
  operands: [2, 2],
  details: PEOPLE_DETAILS,
  async run({ nats }, [name = "", text = ""], at) {
    const device = deviceOf(text);
    const { deployment } = targetOf(name);
    await withAsker(nats, at, (asker) => askShortly(asker, { device, verb: "retry", fields: { deployment } }, at.signal));
    at.write(`${deployment} is tried again on ${device}: iot explain ${deployment} ${device} says how it goes\n`);
    return 0;
  },
});
