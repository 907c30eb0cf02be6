// `iot switch`: has a device not wait any longer for a container that is at work.

import { defineCommand } from "../command-line/command.ts";
import { NATS_OPTION } from "../command-line/nats-option.ts";
import { askShortly, deviceOf, PEOPLE_DETAILS, withAsker } from "./as-person.ts";
import { targetOf } from "./target.ts";

export const switchNow = defineCommand({
  options: NATS_OPTION,
  operands: [2, 2],
  details: PEOPLE_DETAILS,
  async run({ nats }, [name = "", text = ""], at) {
    const device = deviceOf(text);
    const { deployment } = targetOf(name);
    await withAsker(nats, at, (asker) => askShortly(asker, { device, verb: "switch", fields: { deployment } }, at.signal));
    at.write(`${deployment} does not wait any longer on ${device}: iot explain ${deployment} ${device} says how it goes\n`);
    return 0;
  },
});
