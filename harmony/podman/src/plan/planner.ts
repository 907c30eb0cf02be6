// From what should be and what is to the steps between: pure, total, deterministic. After a crash at any step the containers' names and
// the journal say where to go on. What runs is stopped only when its replacement is pulled and created, and what is good is removed only
// when its replacement has proved itself. Steps of a pass are applied in order until one fails; what has to wait for another pass is
// simply not planned in this one. How one container takes over is in swap.ts, whether it has proved itself in gate.ts.

import type { Blocked, Desired, Plan } from "@harmony/core";
import { canonicalJson, lookUp } from "@harmony/schema";
import { needsNetwork } from "../model/container-spec.ts";
import { crashNeed, type CrashNeed } from "./crash-loop.ts";
import { isCutShort, judge } from "./gate.ts";
import { holdPlan } from "./hold.ts";
import { hasReturnedDevice, missingDevices, obstaclesToMaking, obstaclesToStarting, secretStoreObstacle } from "./host-obstacle.ts";
import { careFirst, imageObstacle } from "./image-care.ts";
import { createAll, discardNetworks, pullAll } from "./make-ready.ts";
import { containerName, imageReference, oldName, serviceOfName } from "../model/names.ts";
import { mendSecretStore, provideInputs, removeUnusedInputs } from "./plan-inputs.ts";
import type { PodmanV0 } from "../score/podman-v0-schema.ts";
import { portConflict } from "./port-conflict.ts";
import { assignRoles, type Role } from "./role.ts";
import { isUp } from "../model/container-state.ts";
import { type RestartNeed, restartNeed } from "../model/restart-need.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";
import { startListOf } from "./start-list.ts";
import type { Step } from "../model/step.ts";
import { discard, exchangeAll, PORT_RELEASE_MS, retire, settle, stop, type SwapContext, unpause } from "./swap.ts";
import { isNothing, type SwapRecord } from "../model/swap-record.ts";
import { goodOf, type Target, targetOf, untilNextTryMs } from "../model/target.ts";
import { condemn, type Entry, isOnTrial, openTrial, setAside, tellTrial, wayBack } from "./trial.ts";

const BLOCKED_RECHECK_MS = 10_000;
const SOON_MS = 1_000;

export function plan(desired: Desired<PodmanV0>, snapshot: Snapshot): Plan<Step> {
  const own = snapshot.containers.filter(({ deployment }) => deployment === desired.name);
  if (desired.data === null) return removal(desired.name, own, snapshot);
  if (desired.hold !== null) return holdPlan(desired.name, own, snapshot);
  const mending = mendSecretStore(snapshot);
  if (mending.length > 0) return { steps: mending, blocked: [], recheckAfterMs: SOON_MS };
  const { record, nowMs } = snapshot;
  const target = targetOf(desired, desired.data, record, nowMs);
  const told = tellTrial(desired.name, target, snapshot);
  if (told !== null) return { steps: [journal(desired.name, told)], blocked: [], recheckAfterMs: SOON_MS };
  const care = careFirst(desired.name, target.score, snapshot);
  const planned = planFor(desired.name, target, own, snapshot);
  // While something that may pass stands in the way of a swap that has begun, or is mended, the old version serves.
  const isHeldUp = care.length > 0 || planned.isHeldUp;
  const good = isHeldUp && isOnTrial(record, target) ? goodOf(record, "waiting") : null;
  const meanwhile = good === null ? null : planFor(desired.name, good, own, snapshot);
  if (care.length > 0 && (meanwhile === null || meanwhile.steps.length === 0)) return { steps: care, blocked: [], recheckAfterMs: SOON_MS };
  const { steps, recheckAfterMs } = meanwhile ?? planned;
  const isLeaving = meanwhile !== null && steps.length > 0 && record.trial?.isAside === false;
  const aside = isLeaving ? [journal(desired.name, setAside(record))] : [];
  return { steps: [...aside, ...steps], blocked: planned.blocked, recheckAfterMs };
}

function removal(deployment: string, own: readonly Container[], snapshot: Snapshot): Plan<Step> {
  const steps: Step[] = [
    ...(snapshot.startList.length > 0 ? [{ kind: "recordStart", deployment, containers: [] } as const] : []),
    ...own.flatMap(discard),
    ...mendSecretStore(snapshot),
    ...removeUnusedInputs([], [], snapshot),
    ...discardNetworks(snapshot),
    ...(isNothing(snapshot.record) ? [] : [{ kind: "journal", deployment, record: null, why: "it is removed" } as const]),
  ];
  return { steps, blocked: [], recheckAfterMs: null };
}

type Kept = Role & { readonly current: Container; readonly need: RestartNeed; readonly crash: CrashNeed };

/** `isHeldUp`: something stands in the way of a start or of the change. */
function planFor(
  deployment: string,
  target: Target,
  own: readonly Container[],
  snapshot: Snapshot,
): Plan<Step> & { readonly isHeldUp: boolean } {
  const { record, nowMs } = snapshot;
  const from = wayBack(target, own, record);
  const roles = assignRoles({ deployment, target, good: from ?? goodOf(record, "rolled-back"), snapshot });
  const opened = from === null ? null : openTrial(target, from, own, snapshot);
  const context: SwapContext = {
    trial: opened === null ? null : { deployment, record: opened },
    keepsNext: target.kind === "waiting",
  };

  // The journal of a trial that has begun is lost: it begins anew.
  if (opened !== null && record.good === null && own.some(isOld)) {
    const entry = { record: opened, why: "a new version is on trial" } as const;
    return { steps: [journal(deployment, entry)], blocked: [], recheckAfterMs: SOON_MS, isHeldUp: false };
  }
  // What is half removed is good for nothing, and of two containers that nobody wants one goes; then all is seen anew.
  const broken = own.filter(({ state }) => state === "broken").flatMap(discard);
  const settling = broken.length > 0 ? broken : roles.flatMap((role) => settle(role, context));
  if (settling.length > 0) return { steps: settling, blocked: [], recheckAfterMs: SOON_MS, isHeldUp: false };

  const isToBegin = opened !== null && opened !== record;
  // What was made for a trial that is not recorded yet, or not any more, is started when it is.
  const kept = roles
    .flatMap((role) => keep(role, target, snapshot))
    .filter(({ current, need }) => !(isToBegin && need === "start" && current.scoreString === target.scoreString));
  const changing = roles.filter(({ final }) => !kept.some((one) => one.final === final));
  const names = new Set(roles.flatMap(({ final, temporary }) => [final, temporary]));
  // Of what is kept to go back to, only one that was started after all is in the way.
  const strays = own.filter(
    (one) => !names.has(one.name) && (!isOld(one) || (isUp(one) && !roles.some(({ former }) => former === one.name))),
  );
  const leaving = [...strays, ...changing.flatMap(({ current, next, old }) => [current, next, old].filter((one) => one !== undefined))];

  const starting = kept.filter(({ need }) => need === "start");
  const obstacles = [...starting, ...changing].flatMap((role) => obstacle(role, deployment, snapshot));
  const blocked = [
    ...obstacles,
    ...kept.filter((role) => !starting.includes(role)).flatMap(({ service }) => missingDevices(service, snapshot)),
  ];
  const isBlocked = ({ service }: Role): boolean => blocked.some(({ subject }) => subject === service.name);

  const failed = blocked.length === 0 ? failureOf(deployment, target, kept, snapshot) : null;
  if (failed !== null) return { steps: [journal(deployment, failed)], blocked, recheckAfterMs: SOON_MS, isHeldUp: false };

  // A port that leaves with this change is free in the next pass.
  const free = kept.filter((role) => !isBlocked(role) && portConflict(role.service.ports, leaving.filter(isUp)) === null);
  const provided = provideInputs(
    free.map((role) => ({ ...role, madeWith: role.current.inputs })),
    snapshot,
  );
  const repairs = [
    ...provided,
    ...recordStops(deployment, free, snapshot),
    ...free.flatMap((role) => repair(role, isOnTrial(record, target) ? context.trial : null, snapshot)),
  ];
  const holders = [...snapshot.containers.filter(isUp), ...starting.map(({ current }) => current)];
  const revivals = changing.flatMap((role) => revive(role, snapshot, holders));
  const change = (): Step[] => {
    // A change is made whole or not at all: half of two versions is worse than all of the old one.
    if (changing.some(isBlocked)) return revivals;
    const pulls = pullAll(changing, snapshot);
    if (revivals.length > 0) return [...revivals, ...pulls];
    if (changing.length === 0 && strays.length === 0) return [];
    const begin = isToBegin ? [journal(deployment, { record: opened, why: "a new version is on trial" })] : [];
    // A secret that two services have is created once.
    const isProvided = (step: Step): boolean =>
      step.kind === "createSecret" && provided.some((one) => one.kind === step.kind && one.secret === step.secret);
    const made = createAll({ deployment, target, snapshot, changing }).filter((step) => !isProvided(step));
    const retired = strays.flatMap((stray) => leave(stray, from, own, context));
    return [...pulls, ...made, ...begin, ...exchangeAll(changing, strays, context), ...retired];
  };
  const steps = [...repairs, ...change(), ...backOff(deployment, kept, record)];
  const isAtRest = steps.length === 0 && blocked.length === 0 && !kept.some(({ need }) => need === "wait");
  const rest = isAtRest ? atRest({ deployment, target, from, kept, own, snapshot }) : { steps, againInMs: [] };
  const againInMs = [
    ...rest.againInMs,
    ...kept.flatMap(({ need, crash, current }) => [
      ...(need === "wait" || current.health === "starting" ? [SOON_MS] : []),
      ...(crash.kind === "wait" ? [crash.againInMs] : []),
    ]),
    ...(blocked.length > 0 ? [BLOCKED_RECHECK_MS] : []),
    ...(target.kind === "waiting" ? [untilNextTryMs(record, nowMs)] : []),
  ];
  return {
    steps: rest.steps,
    blocked: target.kind === "waiting" ? [...blocked, ...setbackOf(record)] : blocked,
    recheckAfterMs: againInMs.length === 0 ? null : Math.min(...againInMs),
    isHeldUp: obstacles.length > 0,
  };
}

/** The role if its container is the wanted one and serves under its name. */
function keep(role: Role, target: Target, { record, nowMs }: Snapshot): Kept[] {
  const { service, current, next, old, wanted } = role;
  if (wanted !== "current" || current === undefined || (old !== undefined && isUp(old))) return [];
  const isTried = isOnTrial(record, target);
  const crash = isTried ? ({ kind: "nothing" } as const) : crashNeed(current, lookUp(record.crashes, service.name), nowMs);
  const isOurStop = record.held.includes(current.name) || crash.kind === "start" || target.kind === "waiting";
  const asked = restartNeed(service, current, { nowMs, isOurStop });
  const need = isTried && isCutShort(current, record.trial) ? "start" : asked === "start" && crash.kind === "wait" ? "nothing" : asked;
  const isNextAside = target.kind === "waiting" && next !== undefined && !isUp(next) && need !== "start";
  return next === undefined || isNextAside ? [{ ...role, current, need, crash }] : [];
}

/** A service of the version on trial that has shown that it does not stay up or well. */
function failureOf(deployment: string, target: Target, kept: readonly Kept[], { record, nowMs, application }: Snapshot): Entry | null {
  if (!isOnTrial(record, target)) return null;
  for (const role of kept) {
    const judged = judge(role, role.current, record.trial);
    if (judged.kind !== "failed") continue;
    const failure = { service: role.service.name, reason: judged.reason, why: judged.why };
    return condemn({ deployment, target, failure, lastLines: role.current.lastLines, record, nowMs, application });
  }
  return null;
}

/** Nothing is to be changed or mended: has the version proved itself, and is all recorded and cleared away? */
function atRest(options: {
  readonly deployment: string;
  readonly target: Target;
  readonly from: Target | null;
  readonly kept: readonly Kept[];
  readonly own: readonly Container[];
  readonly snapshot: Snapshot;
}): { readonly steps: Step[]; readonly againInMs: number[] } {
  const { deployment, target, from, kept, own, snapshot } = options;
  const { record } = snapshot;
  if (target.kind === "waiting") return { steps: [], againInMs: [] };
  const olds = own.filter(isOld);
  const judged = kept.map((role) => ({
    role,
    ...judge(role, role.current, isOnTrial(record, target) ? record.trial : null),
  }));
  if (from !== null && isOnTrial(record, target)) {
    const waits = judged.flatMap((one) => (one.kind === "pending" ? [one.againInMs ?? BLOCKED_RECHECK_MS] : []));
    if (waits.length > 0) return { steps: [], againInMs: waits };
  }
  const isSteady = judged.every(
    ({ kind, role }) => kind === "passed" && (role.crash.kind === "nothing" || role.crash.kind === "recovered"),
  );
  const recorded = remember(record, kept, target.kind === "desired" && isSteady ? target : null);
  const network = needsNetwork(target.score) ? [] : discardNetworks(snapshot);
  return {
    steps: [
      ...(recorded === null ? [] : [journal(deployment, recorded)]),
      ...recordStart(deployment, kept, snapshot),
      ...olds.flatMap(discard),
      ...removeUnusedInputs(own, kept, snapshot),
      ...network,
    ],
    againInMs: [],
  };
}

/** What is recorded of a deployment at rest, if it is not yet. `proved`: the version that may be called good. */
function remember(record: SwapRecord, kept: readonly Kept[], proved: Target | null): Entry | null {
  const recovered = kept.filter(({ crash }) => crash.kind === "recovered").map(({ service }) => service.name);
  const isNews = proved !== null && (record.good?.scoreString !== proved.scoreString || record.trial !== null || record.verdict !== null);
  const stopped = stoppedByHand(kept, record);
  const isStopNews = canonicalJson(stopped) !== canonicalJson(record.stopped);
  if (!isNews && record.held.length === 0 && recovered.length === 0 && !isStopNews) return null;
  const good = isNews ? { good: { revision: proved.revision, scoreString: proved.scoreString }, trial: null, verdict: null } : {};
  const crashes = Object.fromEntries(Object.entries(record.crashes).filter(([service]) => !recovered.includes(service)));
  return {
    record: { ...record, ...good, crashes, held: [], stopped },
    why: isNews
      ? "the version is good"
      : record.held.length > 0
        ? "what was stopped for a while runs again"
        : isStopNews
          ? "what a person has stopped"
          : "a service has recovered",
  };
}

function stoppedByHand(kept: readonly Kept[], { crashes }: SwapRecord): SwapRecord["stopped"] {
  return Object.fromEntries(
    kept.flatMap(({ service, current: { name, state, stoppedByUser, exitedAtMs } }) =>
      state === "exited" && stoppedByUser && exitedAtMs !== null && lookUp(crashes, service.name) === undefined ? [[name, exitedAtMs]] : [],
    ),
  );
}

function recordStart(deployment: string, kept: readonly Kept[], { record, startList }: Snapshot): Step[] {
  const containers = startListOf(kept, record);
  return containers.join() === startList.join() ? [] : [{ kind: "recordStart", deployment, containers }];
}

/** What keeps ending is stopped, after it was recorded when it is started again. */
function backOff(deployment: string, kept: readonly Kept[], record: SwapRecord): Step[] {
  const ending = kept.flatMap(({ service, current, crash }) => (crash.kind === "stop" ? [{ service, current, crash: crash.crash }] : []));
  const entries = ending.flatMap(({ service, crash }) => (crash === null ? [] : [[service.name, crash] as const]));
  const crashes = { ...record.crashes, ...Object.fromEntries(entries) };
  return [
    ...(entries.length === 0 ? [] : [journal(deployment, { record: { ...record, crashes }, why: "a service keeps ending" })]),
    ...ending.flatMap(({ current }) => stop(current)),
  ];
}

/** What keeps a service from being started or replaced now, and may pass. */
function obstacle(role: Role, deployment: string, snapshot: Snapshot): Blocked[] {
  const { service } = role;
  const ofHost = [
    ...secretStoreObstacle(role, snapshot),
    ...(role.wanted === "neither" ? obstaclesToMaking(role, snapshot) : []),
    ...obstaclesToStarting(role, snapshot),
  ];
  if (ofHost.length > 0) return ofHost;
  const others = snapshot.containers.filter((container) => container.deployment !== deployment && isUp(container));
  const conflict = portConflict(service.ports, others);
  if (conflict !== null) {
    const { port, holder } = conflict;
    const message = `host port ${port.hostPort}/${port.protocol} of service "${service.name}" is in use by deployment "${holder.deployment}": give one of the two another port, or remove the other`;
    return [{ subject: service.name, reason: "PortInUse", message }];
  }
  const ofImage = imageObstacle(role, deployment, snapshot);
  if (ofImage.length > 0) return ofImage;
  const reference = imageReference(service.image);
  // Podman's own name for what was built or loaded on the spot: to look for it in a registry costs a minute and ends in a riddle.
  const isLocal = reference.startsWith("localhost/");
  if ((service.pull === "never" || isLocal) && role.wanted === "neither" && snapshot.images[reference] === null) {
    const message = isLocal
      ? `image "${service.image}" is not on the device, and "localhost/" names what was built or loaded there: load it (\`${snapshot.application.program} load FILE\`), or correct the image in the deployment`
      : `image "${service.image}" is not on the device, and \`pull: never\` keeps it from being fetched: load it there, or leave \`pull\` out`;
    return [{ subject: service.name, reason: "ImageNotFound", message }];
  }
  return [];
}

function setbackOf({ trial }: SwapRecord): Blocked[] {
  return trial === null || trial.setback === null
    ? []
    : [{ subject: trial.setback.service, reason: trial.setback.reason, message: trial.setback.why }];
}

function repair({ service, current, need }: Kept, trial: SwapContext["trial"], { host, nowMs }: Snapshot): Step[] {
  const start = (patienceMs: number): Step => ({ kind: "start", service: service.name, container: current.name, patienceMs, trial });
  if (need === "start") return [start(0)];
  if (isToStartAgain({ service, current }, { host, nowMs })) return [...stop(current), start(PORT_RELEASE_MS)];
  if (need === "stop") return stop(current);
  return need === "resume" ? unpause(current) : [];
}

/** It runs, and cannot do its work before its next start. What is never started again by anyone is left alone. */
function isToStartAgain(
  { service, current }: Pick<Kept, "service" | "current">,
  { host, nowMs }: Pick<Snapshot, "host" | "nowMs">,
): boolean {
  return (current.hasLostNetwork && service.restart.policy !== "no") || hasReturnedDevice(service, current, host, nowMs);
}

/** Else, cut short between the two, the stop would be taken for a person's. */
function recordStops(deployment: string, kept: readonly Kept[], { record, host, nowMs }: Snapshot): Step[] {
  const stopped = kept.filter((role) => isToStartAgain(role, { host, nowMs })).map(({ current }) => current);
  const held = [...new Set([...record.held, ...stopped.map(({ name }) => name)])];
  if (held.length === record.held.length) return [];
  const why = stopped.some((current) => current.hasLostNetwork) ? "its network has ended" : "a device of it is back";
  return [journal(deployment, { record: { ...record, held }, why })];
}

/** After a power cut the old version is down, and the new one may be long in coming; so it is while a trial is given up for another. */
function revive({ service, current, wanted }: Role, snapshot: Snapshot, holders: readonly Container[]): Step[] {
  if (wanted !== "neither" || current === undefined || isUp(current) || current.startedAtMs === null) return [];
  if (current.stoppedByUser && snapshot.record.trial === null) return [];
  const isThere = snapshot.images[imageReference(service.image)] !== null;
  return isThere || portConflict(current.ports, holders) !== null
    ? []
    : [{ kind: "revive", service: service.name, container: current.name }];
}

/** Of a service that the target does not have; it is stopped. */
function leave(stray: Container, from: Target | null, own: readonly Container[], { trial }: SwapContext): Step[] {
  const { deployment, name } = stray;
  if (isOld(stray)) return [];
  const service = serviceOfName(deployment, name);
  const former = oldName(deployment, service);
  const old = own.find((container) => container.name === former);
  const isOfGood = name === containerName(deployment, service) && from?.score.services.some((one) => one.name === service) === true;
  return retire({ old, former, isGoodKept: old !== undefined }, stray, isOfGood ? trial : null);
}

function isOld({ name }: Container): boolean {
  return name.endsWith(".old");
}

function journal(deployment: string, { record, why }: Entry): Step {
  return { kind: "journal", deployment, record, why };
}
