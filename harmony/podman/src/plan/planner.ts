// Plans the steps from the present state to the wanted one: pure, total, deterministic. The planner
// is the lists of stages below. Each stage is one decision by name, and says why when there is
// nothing to do for it (`explain --stages`). After a crash at any step the containers' names and
// the journal say where to go on. A running container is stopped only when its replacement is
// pulled and created, and a good one is removed only when its replacement has proved itself. Steps
// of a pass are applied in order until one fails; a step that has to wait for another pass is
// simply not planned in this one.
//
// A container is started by start-services (it is the wanted one and is down: kept.ts decides), by
// change-version (it takes over: swap.ts) or by revive-current (it served before, and its
// replacement is long in coming).

import type { Blocked, Desired, StageReport } from "@harmony/core";
import { AT_WORK_RECHECK_MS, awaited, awaitWork } from "./at-work.ts";
import { discardInputs, discardNetwork, discardPrevious, recordProved, recordStartList, trialWaits } from "./at-rest.ts";
import { changeVersion, pullImages, reviveCurrent } from "./change-version.ts";
import { followPartner, makeReady, releasePorts, tellPassed } from "./exchange-ports.ts";
import { partnersOnTrial } from "./exchange.ts";
import { judgeTrial, makeRoomToRecord, recordLostTrial, recordTrial } from "./follow-trial.ts";
import { holdDeployment } from "./hold-deployment.ts";
import { startedAgain } from "./kept.ts";
import { pauseCrashLoop } from "./pause-crash-loop.ts";
import { repairSecretStore } from "./plan-inputs.ts";
import { discardBroken, settleNames } from "./put-in-order.ts";
import { removeDeployment } from "./remove-deployment.ts";
import { pruneImages, repairImage, verifyImage } from "./repair-images.ts";
import { type Seen, type Situation, situationOf, type Wanted } from "./situation.ts";
import { all, first, none, type Stage, type Staged } from "./stage.ts";
import { provideKeptInputs, recordOwnStops, startServices } from "./start-services.ts";
import { stopSooner } from "./stop-sooner.ts";
import { stop } from "./swap.ts";
import { isOnTrial, journal, standBy } from "./trial.ts";
import { recordVolumes } from "./volume-owners.ts";
import { isCheckOverdue } from "../model/health.ts";
import { unenforced } from "../model/inputs.ts";
import type { PodmanPlan } from "../model/plan.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";
import type { SwapRecord } from "../model/swap-record.ts";
import { goodOf, type Target, targetOf, untilNextTryMs } from "../model/target.ts";
import type { PodmanV0 } from "../score/podman-v0-schema.ts";

/** The first stage with steps acts alone, before all else. */
const URGENT: readonly Stage<Wanted>[] = [repairSecretStore, makeRoomToRecord, recordTrial, recordVolumes, followPartner];
/**
 * The first stage with steps acts alone, unless it holds up a version on trial and the old one can
 * serve meanwhile.
 */
const IMAGES: readonly Stage<Wanted>[] = [repairImage, verifyImage, pruneImages];
/** The first stage with steps acts alone; then all is observed anew. */
const IN_ORDER: readonly Stage<Situation>[] = [recordLostTrial, discardBroken, settleNames, judgeTrial, awaitWork];
/** All stages together make one pass. */
const WORK: readonly Stage<Situation>[] = [
  provideKeptInputs,
  recordOwnStops,
  startServices,
  reviveCurrent,
  makeReady,
  releasePorts,
  pullImages,
  changeVersion,
  pauseCrashLoop,
  tellPassed,
];
/** All stages together do what is left when there is no work. */
const AT_REST: readonly Stage<Situation>[] = [recordProved, recordStartList, discardPrevious, discardInputs, discardNetwork];

const BLOCKED_RECHECK_MS = 10_000;
const SOON_MS = 1_000;
/** All that was to be stopped for it is down. */
const RELEASE_RECHECK_MS = 250;

export function plan(desired: Desired<PodmanV0>, snapshot: Snapshot): PodmanPlan {
  const own = snapshot.containers.filter(({ deployment }) => deployment === desired.name);
  const seen = { deployment: desired.name, owner: desired.owner ?? null, own, snapshot };
  if (desired.data === null) return planRemoval(seen);
  const target = targetOf(desired, desired.data, snapshot.record, snapshot.nowMs);
  if (desired.hold !== null) return planAlone(holdDeployment, seen, target);
  const planned = planWanted({ ...seen, target });
  return { ...decisions(target, seen), ...planned, steps: stopSooner(planned.steps, desired.data, own) };
}

function planRemoval(seen: Seen): PodmanPlan {
  const ofWork = awaited({ ...seen, target: null }, seen.own.flatMap(stop));
  if (ofWork.blocked.length === 0) return planAlone(removeDeployment, seen, null);
  const { steps, stages } = first([awaitWork], { ...seen, awaited: ofWork, obstacles: ofWork.blocked });
  const left = none([removeDeployment], "a container of it is at work").stages;
  return {
    ...decisions(null, seen),
    steps,
    stages: [...stages, ...left],
    blocked: ofWork.blocked,
    recheckAfterMs: AT_WORK_RECHECK_MS,
  };
}

function planAlone(stage: Stage<Seen>, seen: Seen, target: Target | null): PodmanPlan {
  return { ...decisions(target, seen), ...first([stage], seen), blocked: [], recheckAfterMs: null };
}

/** The decisions that the report words. */
function decisions(target: Target | null, { deployment, snapshot }: Seen): Pick<PodmanPlan, "target" | "startedAgain" | "unenforced"> {
  if (target === null) return { target, startedAgain: [], unenforced: [] };
  return {
    target,
    startedAgain: startedAgain(deployment, target, snapshot),
    unenforced: target.score.services.flatMap((service) =>
      unenforced(service, snapshot.controllers).map((limit) => ({ service: service.name, limit })),
    ),
  };
}

type Planned = Pick<PodmanPlan, "steps" | "blocked" | "recheckAfterMs" | "stages">;

function planWanted(wanted: Wanted): Planned {
  const urgent = first(URGENT, wanted);
  if (urgent.steps.length > 0) return soon(urgent);
  const images = first(IMAGES, wanted);
  const planned = planVersion(situationOf(wanted));
  const meanwhile = planned.isMadeReady ? null : planMeanwhile(wanted, images.steps.length > 0 || planned.isHeldUp);
  if (images.steps.length > 0 && (meanwhile === null || meanwhile.steps.length === 0)) {
    return soon({ steps: images.steps, stages: [...urgent.stages, ...images.stages] });
  }
  const { steps, recheckAfterMs, stages } = meanwhile ?? planned;
  return { steps, blocked: planned.blocked, recheckAfterMs, stages: [...urgent.stages, ...images.stages, ...stages] };
}

/**
 * The old version serves while something that may pass stands in the way of a version on trial, or
 * is repaired; null: it does not.
 */
function planMeanwhile(wanted: Wanted, isHeldUp: boolean): Planned | null {
  const { deployment, target, snapshot } = wanted;
  const { record } = snapshot;
  const good = isHeldUp && isOnTrial(record, target) ? goodOf(record, "waiting") : null;
  if (good === null) return null;
  const planned = planVersion(situationOf({ ...wanted, target: good }));
  const isLeaving = planned.steps.length > 0 && record.trial?.isAside === false;
  const why = "something that may pass stands in the way of the new version, so the last good one serves";
  return {
    ...planned,
    steps: [...(isLeaving ? [journal(deployment, standBy(record))] : []), ...planned.steps],
    stages: [{ name: "serve-meanwhile", outcome: "acted", why }, ...planned.stages],
  };
}

/**
 * `isHeldUp`: something stands in the way of a start or of the change. `isMadeReady`: it does, and
 * the plan has what can be done before all the same.
 */
function planVersion(situation: Situation): Planned & { readonly isHeldUp: boolean; readonly isMadeReady: boolean } {
  const inOrder = first(IN_ORDER, situation);
  if (inOrder.steps.length > 0) return { ...soon(inOrder), isHeldUp: false, isMadeReady: false };
  const { target, blocked, obstacles, snapshot } = situation;
  const work = all(WORK, situation);
  const restless = whyNotAtRest(situation, work.steps);
  const rest = restless === null ? all(AT_REST, situation) : meanwhileOf(situation, work.steps, restless.why);
  const againInMs = [...(restless?.againInMs ?? []), ...againInMsOf(situation)];
  return {
    steps: [...work.steps, ...rest.steps],
    blocked: target.kind === "waiting" ? [...blocked, ...lastStartFailure(snapshot.record)] : blocked,
    recheckAfterMs: againInMs.length === 0 ? null : Math.min(...againInMs),
    stages: [...inOrder.stages, ...work.stages, ...rest.stages],
    isHeldUp: obstacles.length > 0,
    isMadeReady: work.stages.some(({ name, outcome }) => name === makeReady.name && outcome === "acted"),
  };
}

/** Why it is not yet time to record and to clear away, and when it may be; null: it is time. */
function whyNotAtRest(situation: Situation, work: readonly Step[]): { readonly why: string; readonly againInMs: readonly number[] } | null {
  const { target, kept, blocked } = situation;
  if (work.length > 0) return { why: "there is work to do first", againInMs: [] };
  if (blocked.length > 0) return { why: "something stands in the way of a service", againInMs: [] };
  if (kept.some(({ need }) => need === "wait")) return { why: "a container is on its way", againInMs: [] };
  if (target.kind === "waiting") return { why: "the last good version serves until the next try of the new one", againInMs: [] };
  const waits = trialWaits(situation);
  const partners = partnersOnTrial(situation);
  if (waits.length === 0 && partners.length > 0)
    return { why: `${partners.join(", ")}: ports were exchanged with it, and it has not proved itself yet`, againInMs: [SOON_MS] };
  if (waits.length === 0) return null;
  const services = waits.map(({ service }) => service).join(", ");
  return {
    why: `${services}: the version on trial has not proved itself yet`,
    againInMs: waits.map((one) => one.againInMs ?? BLOCKED_RECHECK_MS),
  };
}

/**
 * A container that keeps ending is reported so while it is on its way, and may never be seen at
 * rest. So what a boot starts is on disk before.
 */
function meanwhileOf(situation: Situation, work: readonly Step[], why: string): Staged {
  const isMerelyOnItsWay = work.length === 0 && isOnItsWay(situation) && situation.changing.length === 0;
  if (!isMerelyOnItsWay || trialWaits(situation).length > 0) return none(AT_REST, why);
  const { steps, stages } = all([recordStartList], situation);
  return {
    steps,
    stages: AT_REST.flatMap((stage) => (stage === recordStartList ? stages : none([stage], why).stages)),
  };
}

/** Nothing stands in the way, and a container of the wanted version is between two states. */
function isOnItsWay({ target, kept, blocked }: Situation): boolean {
  return blocked.length === 0 && target.kind !== "waiting" && kept.some(({ need }) => need === "wait");
}

/** The times at which something may be new although no event came. */
function againInMsOf({ target, kept, blocked, portWaits, awaited: { blocked: atWork }, snapshot: { record, nowMs } }: Situation): number[] {
  return [
    ...kept.flatMap(({ service, need, crash, current }) => [
      ...(need === "wait" || (current.health === "starting" && !isCheckOverdue(service, current)) ? [SOON_MS] : []),
      ...(crash.kind === "wait" ? [crash.againInMs] : []),
    ]),
    ...(blocked.length > 0 ? [BLOCKED_RECHECK_MS] : []),
    ...(atWork.length > 0 ? [AT_WORK_RECHECK_MS] : []),
    ...(portWaits.some(({ kind }) => kind === "release") ? [RELEASE_RECHECK_MS] : []),
    ...(target.kind === "waiting" ? [untilNextTryMs(record, nowMs)] : []),
  ];
}

function lastStartFailure({ trial }: SwapRecord): Blocked[] {
  const failed = trial?.setback ?? null;
  return failed === null ? [] : [{ subject: failed.service, reason: failed.reason, message: failed.why }];
}

function soon({ steps, stages }: Staged): Planned & { stages: readonly StageReport[] } {
  return { steps, stages, blocked: [], recheckAfterMs: SOON_MS };
}
