// `iot ping`: whether the agent of a device answers, how fast, and which one it is.

import { plainText, visibleJson, visibleLines } from "@harmony/core";
import { errorText, UserError } from "@harmony/runtime";
import { parse } from "@harmony/schema";
import { Pong } from "@iot/contracts";
import { shownAge } from "@iot/report";
import { defineCommand } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { JSON_OPTION, NATS_OPTION } from "../command-line/nats-option.ts";
import { askShortly, deviceOf, PEOPLE_DETAILS, withAsker } from "./as-person.ts";

interface Answer {
  readonly device: string;
  readonly milliseconds: number | null;
  readonly pong: Pong | null;
  readonly error: string | null;
  readonly exitCode: number;
}

export const ping = defineCommand({
  options: { ...JSON_OPTION, ...NATS_OPTION },
  operands: [1, 100],
  details: `Ends with the code of the first device that did not answer. ${PEOPLE_DETAILS}`,
  async run({ json, nats }, operands, at) {
    const devices = operands.map(deviceOf);
    const answers = await withAsker(nats, at, (asker) =>
      Promise.all(
        devices.map(async (device): Promise<Answer> => {
          const startedAt = performance.now();
          try {
            const pong = parse(Pong, await askShortly(asker, { device, verb: "ping" }, at.signal));
            if (!pong.ok) throw new UserError(`${device} answers what this iot does not read`);
            const milliseconds = Math.round(performance.now() - startedAt);
            return { device, milliseconds, pong: pong.value, error: null, exitCode: 0 };
          } catch (error) {
            if (devices.length === 1 && json !== true) throw error;
            const exitCode = error instanceof UserError ? error.exitCode : EXIT.failed;
            return { device, milliseconds: null, pong: null, error: errorText(error), exitCode };
          }
        }),
      ),
    );
    if (json === true) at.write(visibleJson(answers, 2));
    else for (const answer of answers) at.write(visibleLines(`${inWords(answer)}\n`));
    return answers.find(({ exitCode }) => exitCode !== 0)?.exitCode ?? 0;
  },
});

function inWords({ device, milliseconds, pong, error }: Answer): string {
  if (pong === null) return `${device}  ${error ?? "no answer"}`;
  const { agentVersion, uptimeSeconds, connectedSeconds, remote } = pong;
  const may = remote.length === 0 ? "nothing else" : remote.map((word) => plainText(word, 40)).join(", ");
  return `${device}  ${milliseconds ?? 0} ms  agent ${plainText(agentVersion, 40)}, up ${shownAge(uptimeSeconds)}, connected ${shownAge(connectedSeconds)}; it permits ${may}`;
}
