// The only place where the goldens touch the product: from a stored input to what is told of a
// Deployment. Inputs are stored as v0.1.0 has them: what is named otherwise later is mapped here.
// The goldens of the operator's plan ended with docs/adr/0030, which changes what is removed and
// how.

import { conditionsOf, type ConditionsInput, countDevices, type DeviceView } from "@iot/fleet";

/** What inputs.ts needs of the product to make inputs anew. */
export { type DeviceView };

export const GOLDENS_FILE: string = new URL("v0.1.0.jsonl.gz", import.meta.url).pathname;

interface StatusCase extends Omit<ConditionsInput, "counted"> {
  readonly kind: "status";
  readonly name: string;
  readonly devices: readonly DeviceView[];
}

export type Input = StatusCase;

/** The file is record.ts's own, which writes nothing else. */
function isInput(value: unknown): value is Input {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "status";
}

export function run(input: unknown): object {
  if (!isInput(input)) throw new TypeError("a stored input is no status'");
  const counted = countDevices(input.name, input.devices);
  return { counted, conditions: conditionsOf({ counted, blocked: input.blocked, waitedMs: input.waitedMs }) };
}
