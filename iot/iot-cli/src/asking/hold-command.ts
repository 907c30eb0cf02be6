// `iot hold`: stops a deployment on a device for a time.

import { plainText } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { parse } from "@harmony/schema";
import { HeldUntil, HOLD_MAX_SECONDS } from "@iot/contracts";
import { defineCommand } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { NATS_OPTION } from "../command-line/nats-option.ts";
import { askShortly, deviceOf, PEOPLE_DETAILS, withAsker } from "./as-person.ts";
import { spanSeconds } from "./moment.ts";
import { targetOf } from "./target.ts";

const OPTIONS = {
  for: { type: "string", value: "time", about: "how long: 90s, 30m, 2h or 1d, at most 7d" },
  reason: { type: "string", value: "text", about: "why, for whoever wonders in the fleet" },
  ...NATS_OPTION,
} as const;

export const hold = defineCommand({
  options: OPTIONS,
  operands: [2, 2],
  details: PEOPLE_DETAILS,
  async run({ for: time, reason = "", nats }, [name = "", text = ""], at) {
    const device = deviceOf(text);
    const { deployment } = targetOf(name);
    if (time === undefined || reason.trim() === "") throw new UserError("say for how long and why: --for 2h --reason TEXT", EXIT.usage);
    const seconds = Math.round(spanSeconds(time) ?? 0);
    if (seconds < 1 || seconds > HOLD_MAX_SECONDS)
      throw new UserError(`"${time}" is no time to hold something for: write 90s, 30m, 2h or 1d, at most 7d`, EXIT.usage);
    const fields = { deployment, seconds, reason: reason.trim() };
    const result = await withAsker(nats, at, (asker) => askShortly(asker, { device, verb: "hold", fields }, at.signal));
    const held = parse(HeldUntil, result);
    const until = held.ok ? ` until ${plainText(held.value.until, 40)}, at the latest` : "";
    at.write(`${deployment} is held on ${device}${until}: iot status shows when it has stopped\n`);
    return 0;
  },
});
