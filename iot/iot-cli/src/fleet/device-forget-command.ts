// `iot device forget`: a device that is gone for good is no longer listed. The operators forget what
// they and it wrote, and refuse what is not gone; then the enrolment service, where there is one,
// forgets its identity.

import { visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { defineCommand, type Surroundings } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { NATS_OPTION, natsAccess } from "../command-line/nats-option.ts";
import { type Done, forgetIdentity } from "../identity/device-deeds.ts";
import { enrolmentAccess } from "../identity/enrolment-client.ts";
import { answersOf, isDone, sentenceOf } from "./ask-operators.ts";

export const deviceForget = defineCommand({
  options: NATS_OPTION,
  operands: [1, 1],
  details:
    "It must have been silent for 24 h, and no Deployment may name it. What runs on it keeps running. With IOT_ENROLMENT_URL its identity goes, too.",
  async run({ nats }, [device = ""], at) {
    const answers = await answersOf(natsAccess(nats, at), "forget", { device }, at.signal);
    const isUnknown = answers.every(({ reason }) => reason === "UnknownDevice");
    if (!isDone(answers) && !isUnknown) throw new UserError(sentenceOf(answers));
    if (isDone(answers)) at.write(visibleLines(`${sentenceOf(answers)}\n`));
    const identity = await identityOf(device, at);
    if (identity === null) {
      if (isUnknown) throw new UserError(sentenceOf(answers));
      return 0;
    }
    at.write(visibleLines(identity.text));
    return identity.isDone ? 0 : EXIT.failed;
  },
});

/** What became of it; null: there is none. */
async function identityOf(device: string, { env, signal }: Surroundings): Promise<Done | null> {
  if ((env["IOT_ENROLMENT_URL"] ?? "") === "") return null;
  return forgetIdentity({ access: await enrolmentAccess(env), signal }, device);
}
