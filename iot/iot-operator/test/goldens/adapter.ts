// The only place where the goldens touch the product: from a stored input to the operator's plan,
// and to what is told of a Deployment. Inputs are stored as v0.1.0 has them, maps as lists of
// entries: what is named otherwise later is mapped here.

import type { DeviceId, DeploymentName } from "@iot/contracts";
import type { DesiredStateSnapshot } from "@iot/messaging";
import { conditionsOf, type ConditionsInput, countDevices, type DeviceView } from "@iot/fleet";
import { plan } from "../../src/plan/plan.ts";
import type { CompleteSnapshot, SourceDeployment } from "../../src/sources/source.ts";

/** What inputs.ts needs of the product to make inputs anew. */
export { type DeviceView, plan, type SourceDeployment };

export const GOLDENS_FILE: string = new URL("v0.1.0.jsonl.gz", import.meta.url).pathname;

type Entries<Of> = Of extends ReadonlyMap<infer Key, infer Value> ? readonly (readonly [Key, Value])[] : never;

interface PlanCase {
  readonly kind: "plan";
  readonly sourceId: string;
  readonly source: CompleteSnapshot;
  readonly manifests: Entries<DesiredStateSnapshot["manifests"]>;
  readonly scores: Entries<DesiredStateSnapshot["scores"]>;
  /** The source of each deployment that a device reports. */
  readonly reported: readonly (readonly [DeviceId, readonly (readonly [DeploymentName, string])[]])[];
  readonly mayRemove: boolean;
  readonly abandoned: readonly string[];
}

interface StatusCase extends Omit<ConditionsInput, "counted"> {
  readonly kind: "status";
  readonly name: string;
  readonly devices: readonly DeviceView[];
}

export type Input = PlanCase | StatusCase;

/** The file is record.ts's own, which writes nothing else. */
function isInput(value: unknown): value is Input {
  return typeof value === "object" && value !== null && "kind" in value && (value.kind === "plan" || value.kind === "status");
}

export function run(input: unknown): object {
  if (!isInput(input)) throw new TypeError("a stored input is neither a plan's nor a status'");
  switch (input.kind) {
    case "plan": {
      const planned = plan({
        sourceId: input.sourceId,
        source: input.source,
        desired: { manifests: new Map(input.manifests), scores: new Map(input.scores), foreignKeys: [] },
        reported: new Map(input.reported.map(([device, of]) => [device, new Map(of)])),
        mayRemove: () => input.mayRemove,
        abandoned: new Set(input.abandoned),
      });
      const { steps, blocked, recheckAfterMs, massRemoval, orphans, compiled } = planned;
      return { steps, blocked, recheckAfterMs, massRemoval, orphans, conflicts: [...compiled.conflicts] };
    }
    case "status": {
      const counted = countDevices(input.name, input.devices);
      return { counted, conditions: conditionsOf({ counted, blocked: input.blocked, waitedMs: input.waitedMs }) };
    }
  }
}
