// The status that stands in a resource, from what the operator says of it and what stands there
// now. A condition's lastTransitionTime moves only with its status, and nothing else in it is a
// time, so that an unchanged result gives an unchanged status. Pure.

import { canonicalJson, ENVELOPE_LIMITS, parse } from "@harmony/schema";
import { type Condition, DeploymentStatus } from "@iot/contracts";
import type { DeploymentResult } from "../source.ts";

const TYPES = ["Ready", "Reconciling", "Stalled"] as const;

/** Null: what stands there says it already. `now` is RFC 3339, to the second. */
export function statusToWrite(result: DeploymentResult, standing: unknown, now: string): DeploymentStatus | null {
  const parsed = parse(DeploymentStatus, standing ?? {}, ENVELOPE_LIMITS);
  const before: DeploymentStatus = parsed.ok ? parsed.value : {};
  const { generation, scoreString, aggregate } = result;
  const conditionBefore = new Map((before.conditions ?? []).map((condition) => [condition.type, condition]));
  const conditions = TYPES.map((type): Condition => {
    const { status, reason, message } = result.conditions[type];
    const was = conditionBefore.get(type);
    const lastTransitionTime = was?.status === status ? was.lastTransitionTime : now;
    return { type, status, reason, message: shortened(message), lastTransitionTime, observedGeneration: generation };
  });
  const wanted: DeploymentStatus = { observedGeneration: generation, conditions, aggregate };
  if (scoreString !== null) wanted.observedScoreString = scoreString;
  const standingOfOurs = {
    observedGeneration: before.observedGeneration,
    observedScoreString: before.observedScoreString,
    conditions: TYPES.map((type) => conditionBefore.get(type)),
    aggregate: before.aggregate,
  };
  return canonicalJson(standingOfOurs) === canonicalJson(wanted) ? null : wanted;
}

/** Whether nothing but counters is another than what stands there, and the words about them. */
export function areCountersAlone(status: DeploymentStatus, standing: unknown): boolean {
  const parsed = parse(DeploymentStatus, standing ?? {}, ENVELOPE_LIMITS);
  if (!parsed.ok) return false;
  return stateOf(parsed.value) === stateOf(status) && countsOf(parsed.value) !== countsOf(status);
}

function stateOf({ observedGeneration, observedScoreString, conditions = [] }: DeploymentStatus): string {
  const of = new Map(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
  return JSON.stringify([observedGeneration, observedScoreString, TYPES.map((type) => of.get(type))]);
}

function countsOf({ aggregate }: DeploymentStatus): string {
  const { devices, running, pending, failed, offline } = aggregate ?? {};
  return [devices, running, pending, failed, offline].join();
}

/** metav1.Condition's limit, which the CRD has too. */
const MESSAGE_LIMIT = 32_768;

function shortened(message: string): string {
  return message.length <= MESSAGE_LIMIT ? message : `${message.slice(0, MESSAGE_LIMIT - 1)}…`;
}
