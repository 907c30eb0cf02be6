// `iot device refresh`: has a device ask again now for what it gets from afar.

import { plainText, visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { parse } from "@harmony/schema";
import { LocalRefreshed } from "@iot/contracts";
import { defineCommand } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { NATS_OPTION } from "../command-line/nats-option.ts";
import { askShortly, deviceOf, PEOPLE_DETAILS, withAsker } from "./as-person.ts";

const TEXT_CHARACTERS = 500;

export const deviceRefresh = defineCommand({
  options: NATS_OPTION,
  operands: [1, 1],
  details: `A service whose secret is another is made anew. ${PEOPLE_DETAILS}`,
  async run({ nats }, [id = ""], at) {
    const device = deviceOf(id);
    const result = parse(LocalRefreshed, await withAsker(nats, at, (asker) => askShortly(asker, { device, verb: "refresh" }, at.signal)));
    if (!result.ok) throw new UserError(`${device} answers what this iot does not read`);
    const { secrets, problems } = result.value;
    const names = secrets.map((name) => plainText(name, 64)).join(", ");
    at.write(visibleLines(`${device}: ${names === "" ? "no secret is another than before" : `other secrets than before: ${names}`}\n`));
    for (const problem of problems)
      at.write(visibleLines(`${device}: not answered, and as it was: ${plainText(problem, TEXT_CHARACTERS)}\n`));
    return problems.length === 0 ? 0 : EXIT.failed;
  },
});
