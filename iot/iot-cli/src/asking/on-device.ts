// A command that has a device do one thing with one deployment: `iot retry`, `iot release`.

import type { CommandVerb, DeviceId } from "@iot/contracts";
import { defineCommand, type LoadedCommand } from "../command-line/command.ts";
import { NATS_OPTION } from "../command-line/nats-option.ts";
import { askShortly, deviceOf, PEOPLE_DETAILS, withAsker } from "./as-person.ts";
import { targetOf } from "./target.ts";

export interface Deed {
  readonly deployment: string;
  readonly device: DeviceId;
  /** What the device answered. */
  readonly result: unknown;
}

/** `say`: the sentence when it is done. */
export function onDevice(verb: CommandVerb, say: (done: Deed) => string): LoadedCommand {
  return defineCommand({
    options: NATS_OPTION,
    operands: [2, 2],
    details: PEOPLE_DETAILS,
    async run({ nats }, [name = "", text = ""], at) {
      const device = deviceOf(text);
      const { deployment } = targetOf(name);
      const result = await withAsker(nats, at, (asker) => askShortly(asker, { device, verb, fields: { deployment } }, at.signal));
      at.write(`${say({ deployment, device, result })}\n`);
      return 0;
    },
  });
}
