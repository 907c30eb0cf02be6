// `iot doctor`: what the agent of a device finds of all that it stands on.

import { visibleJson, visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { parse } from "@harmony/schema";
import { wrap } from "@iot/report";
import * as z from "zod/mini";
import { defineCommand } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { JSON_OPTION, NATS_OPTION } from "../command-line/nats-option.ts";
import { askShortly, deviceOf, PEOPLE_DETAILS, withAsker } from "./as-person.ts";

const Findings = z.looseObject({
  findings: z.array(z.looseObject({ check: z.string(), verdict: z.string(), says: z.string(), mend: z.optional(z.string()) })),
});

export const doctor = defineCommand({
  options: { ...JSON_OPTION, ...NATS_OPTION },
  operands: [1, 1],
  details: `Exit code ${EXIT.failed} when something is bad. ${PEOPLE_DETAILS}`,
  async run({ json, nats }, [text = ""], at) {
    const device = deviceOf(text);
    const result = await withAsker(nats, at, (asker) => askShortly(asker, { device, verb: "doctor" }, at.signal));
    const read = parse(Findings, result);
    if (!read.ok) throw new UserError(`${device} answers what this iot does not read`);
    const { findings } = read.value;
    const indent = Math.max(...findings.map(({ check }) => check.length), 0) + 10;
    const lines = findings.flatMap(({ check, verdict, says, mend }) => {
      const head = `${(verdict === "bad" ? "BAD" : verdict).padEnd(8)}${check}`.padEnd(indent);
      const more = " ".repeat(indent);
      return [...wrap(`${head}${says}`, at.width, more, ""), ...(mend === undefined ? [] : [`${more}→ ${mend}`])];
    });
    if (json === true) at.write(visibleJson({ device, findings }, 2));
    else at.write(visibleLines(`${lines.join("\n")}\n`));
    return findings.some(({ verdict }) => verdict === "bad") ? EXIT.failed : 0;
  },
});
