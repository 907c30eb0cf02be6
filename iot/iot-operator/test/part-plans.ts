// An operator's memory beside a plan of all: what it would plan of the devices that changed must be
// what the plan of all says, step by step; and where it says nothing, all is planned anyway.

import { asDeviceId, type DeviceId } from "@iot/contracts";
import type { DesiredStateSnapshot } from "@iot/messaging";
import { isDeepStrictEqual } from "node:util";
import { type DesiredStatePlan, plan, type PlanInput } from "../src/plan/plan.ts";
import { type Standing, standingAfter } from "../src/plan/standing.ts";

export class PartPlans {
  /** How often there was a part to plan, and how often not. */
  readonly counts = { parts: 0, steps: 0, wholes: 0 };
  #standing: Standing | null = null;
  #before: Pick<PlanInput, "desired" | "reported"> | null = null;

  /** The bucket is read anew. */
  forget(): void {
    this.#standing = null;
  }

  /** @throws when the two differ. */
  plan(input: PlanInput): DesiredStatePlan {
    const whole = plan(input);
    const { desired, source, reported } = input;
    const dirty = this.#before === null ? new Set<DeviceId>() : differing(this.#before, input);
    const part = this.#standing?.planPart({ ...input, dirty, observe: (devices) => only(desired, devices) }) ?? null;
    if (part === null) this.counts.wholes += 1;
    else {
      this.counts.parts += 1;
      this.counts.steps += part.planned.steps.length;
      expectSame(said(part.planned), said(whole));
    }
    if (whole.steps.length > 0) return whole;
    if (part === null) this.#standing = standingAfter(whole, { source, desired, adopts: [...input.adopts].join(" ") });
    else expectSame(part.settle(), desired);
    this.#before = { desired, reported: new Map(reported) };
    return whole;
  }
}

function said({ steps, blocked, orphans, recheckAfterMs, removals, compiled }: DesiredStatePlan): object {
  const inOrder = steps.map((step) => JSON.stringify(step, (_, value: unknown) => (isPlain(value) ? sorted(value) : value))).toSorted();
  return { steps: inOrder, blocked, orphans, recheckAfterMs, record: removals.record, conflicts: [...compiled.conflicts] };
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sorted(value: object): object {
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function expectSame(part: object, whole: object): void {
  if (isDeepStrictEqual(part, whole)) return;
  throw new Error(`a plan of what changed:\n${JSON.stringify(part, null, 1)}\nof all:\n${JSON.stringify(whole, null, 1)}`);
}

function only({ manifests, scores, foreignKeys }: DesiredStateSnapshot, devices: ReadonlySet<DeviceId>): DesiredStateSnapshot {
  return {
    manifests: new Map([...manifests].filter(([device]) => devices.has(device))),
    scores: new Map([...scores].filter(([key]) => devices.has(deviceOf(key)))),
    foreignKeys,
  };
}

/** As the store's and the devices' news would name them. */
function differing(before: Pick<PlanInput, "desired" | "reported">, { desired, reported }: PlanInput): Set<DeviceId> {
  const keys = [
    ...changed(before.desired.manifests, desired.manifests),
    ...changed(before.reported, reported),
    ...changed(before.desired.scores, desired.scores).map(deviceOf),
  ];
  return new Set(keys);
}

function changed<Key>(before: ReadonlyMap<Key, unknown>, now: ReadonlyMap<Key, unknown>): Key[] {
  return [...new Set([...before.keys(), ...now.keys()])].filter((key) => before.get(key) !== now.get(key));
}

function deviceOf(key: string): DeviceId {
  return asDeviceId(key.slice(0, key.indexOf(".")));
}
