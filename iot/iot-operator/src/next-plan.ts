// What is to be looked at next, and the plan of it: nothing, the devices that changed, or all. All
// is looked at at the start, after the bucket was read anew, every ten minutes, and as long as
// anything is to be judged over all devices (plan/standing.ts). As long as nothing that a plan
// reads has changed there is nothing to plan: own writes that come back cost nothing.

import type { DeviceId } from "@iot/contracts";
import type { DesiredStateSnapshot, DesiredStateView } from "@iot/messaging";
import type { Compiled } from "./plan/compile.ts";
import { ABANDONED_AFTER_MS, type DesiredStatePlan, plan, type PlanInput } from "./plan/plan.ts";
import { type PartPlan, type Standing, standingAfter } from "./plan/standing.ts";
import type { ObservedRecord } from "./record/record-keeper.ts";
import { isDeviceStep } from "./plan/steps.ts";
import type { CompleteSnapshot, SourceDeployment } from "./sources/source.ts";

/** Nothing that is known has changed: all is looked at again only this often. */
const WHOLE_EVERY_MS = 600_000;

interface WholePlan {
  readonly planned: DesiredStatePlan;
  readonly source: CompleteSnapshot;
  readonly desired: DesiredStateSnapshot;
}

export type Planned = ({ readonly kind: "part" } & PartPlan) | ({ readonly kind: "whole" } & WholePlan);

/** What a pass observes before it reads the source. */
export interface Observed {
  readonly view: DesiredStateView;
  /** All of it, where that is known to be needed. */
  readonly all: DesiredStateSnapshot | null;
}

interface Idle {
  readonly compiled: Compiled;
  readonly revision: number;
  readonly adopts: string;
  /** On the monotonic clock: when time alone may give something to do. */
  readonly untilMs: number;
}

export class NextPlan {
  readonly #nowMs: () => number;
  /** When each Score that no manifest names was first seen. */
  readonly #orphans = new Map<string, number>();
  /** Devices to be looked at, beside those of which the source says something else. */
  readonly #dirty = new Set<DeviceId>();
  /** What the last pass left; null: all is to be looked at. */
  #standing: Standing | null = null;
  #wholeAtMs = 0;
  #idle: Idle | null = null;

  /** `nowMs`: monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  mark(device: DeviceId): void {
    this.#dirty.add(device);
  }

  /** Something was written, or is to be read: the next pass plans. */
  wake(): void {
    this.#idle = null;
  }

  lookAtAll(): void {
    this.#standing = null;
    this.#idle = null;
  }

  /** Takes what changed. To be read before the source is. */
  observe(view: DesiredStateView): Observed {
    if (view.changed === null || this.#nowMs() >= this.#wholeAtMs) this.lookAtAll();
    for (const device of view.changed ?? []) this.#dirty.add(device);
    return { view, all: this.#standing === null && this.#idle === null ? view.read("all") : null };
  }

  /** How long there is nothing to do, unless something changes; null: it is to be planned. */
  idleFor(own: ObservedRecord): { readonly leftMs: number; readonly compiled: Compiled } | null {
    const idle = this.#idle;
    const isSame = idle !== null && this.#dirty.size === 0 && idle.revision === own.revision && idle.adopts === adoptsOf(own);
    const nowMs = this.#nowMs();
    return isSame && idle.untilMs > nowMs ? { leftMs: idle.untilMs - nowMs, compiled: idle.compiled } : null;
  }

  /** null: all is needed, and has changed since it was observed. */
  plan(given: Omit<PlanInput, "desired" | "abandoned">, { view, all }: Observed): Planned | null {
    const nowMs = this.#nowMs();
    const abandoned = new Set([...this.#orphans].filter(([, sinceMs]) => nowMs - sinceMs >= ABANDONED_AFTER_MS).map(([key]) => key));
    const input = { ...given, abandoned };
    const part = this.#standing?.planPart({ ...input, dirty: this.#dirty, observe: (devices) => view.read(devices) }) ?? null;
    if (part !== null) return { kind: "part", ...part };
    const desired = all ?? view.read("all");
    if (desired === null) return null;
    const planned = plan({ ...input, desired });
    const still = new Set(planned.orphans);
    for (const key of this.#orphans.keys()) if (!still.has(key)) this.#orphans.delete(key);
    for (const key of still) if (!this.#orphans.has(key)) this.#orphans.set(key, nowMs);
    return { kind: "whole", planned, source: given.source, desired };
  }

  /** Nothing is left that could be written. What stands now, and when to look at it again. */
  settle(settled: Planned, own: ObservedRecord): { readonly desired: DesiredStateSnapshot; readonly againMs: number } {
    const { planned, source } = settled;
    const nowMs = this.#nowMs();
    let desired: DesiredStateSnapshot;
    if (settled.kind === "part") desired = settled.settle();
    else {
      ({ desired } = settled);
      this.#standing = standingAfter(planned, { source, desired, adopts: adoptsOf(own) });
      this.#wholeAtMs = nowMs + WHOLE_EVERY_MS;
    }
    this.#dirty.clear();
    const againMs = Math.min(planned.recheckAfterMs ?? WHOLE_EVERY_MS, Math.max(0, this.#wholeAtMs - nowMs));
    const { compiled, steps } = planned;
    this.#idle = steps.length > 0 ? null : { compiled, revision: own.revision, adopts: adoptsOf(own), untilMs: nowMs + againMs };
    return { desired, againMs };
  }
}

/** The Deployments that a plan goes by where it does anything. */
export function standingBehind({ planned: { steps, compiled }, source }: Planned): SourceDeployment[] {
  const uids = new Set<string>();
  for (const step of steps) {
    if (isDeviceStep(step)) for (const { uid } of compiled.devices.get(step.device)?.values() ?? []) uids.add(uid);
    else if (step.kind !== "put-record") uids.add(step.object.uid);
  }
  return source.deployments.filter(({ uid }) => uids.has(uid));
}

function adoptsOf({ state }: ObservedRecord): string {
  return (state?.adopts ?? []).join(" ");
}
