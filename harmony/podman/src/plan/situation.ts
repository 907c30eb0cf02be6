// The situation of one version of a deployment: the containers of each service, those that are
// kept, those that change with it, those that have to leave and what stands in the way. It is
// computed once, so that every stage decides from the same facts.

import type { Blocked } from "@harmony/core";
import { type Awaited, awaited } from "./at-work.ts";
import { type PortsAround, portsAround, type PortWait } from "./exchange.ts";
import { portConflict, portsOf } from "./port-conflict.ts";
import { missingDevices, obstaclesToMaking, obstaclesToStarting, secretStoreObstacle } from "./host-obstacle.ts";
import { imageObstacle } from "./image-obstacle.ts";
import { keep, type Kept } from "./kept.ts";
import { type Slot, slotsOf } from "./slot.ts";
import { exchange, stop, type SwapContext } from "./swap.ts";
import { openTrial, wayBack } from "./trial.ts";
import { volumesOfOthers } from "./volume-obstacle.ts";
import { isUp } from "../model/container-state.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";
import type { SwapRecord } from "../model/swap-record.ts";
import { goodOf, type Target } from "../model/target.ts";

/** The facts about a deployment that every stage knows. */
export interface Seen {
  readonly deployment: string;
  /** Whose it is; null: it is not known. */
  readonly owner: string | null;
  /** The deployment's containers. */
  readonly own: readonly Container[];
  readonly snapshot: Snapshot;
}

/** Adds the version that should be in force. */
export interface Wanted extends Seen {
  readonly target: Target;
}

export interface Situation extends Wanted {
  /** The version to go back to if this one fails; null: none. */
  readonly from: Target | null;
  /** The record in which the version is on trial; null: it is on none. */
  readonly opened: SwapRecord | null;
  /** It is on trial, and the record does not say so yet. */
  readonly isToBegin: boolean;
  readonly swap: SwapContext;
  readonly slots: readonly Slot[];
  readonly kept: readonly Kept[];
  readonly changing: readonly Slot[];
  /** The containers of services that the version does not have. */
  readonly strays: readonly Container[];
  readonly leaving: readonly Container[];
  /** Which ports change hands with other deployments. */
  readonly ports: PortsAround;
  readonly portWaits: readonly PortWait[];
  /** What the change would stop and may say "not now". */
  readonly awaited: Awaited;
  /** The causes that keep services from being started or replaced now, and may pass. */
  readonly obstacles: readonly Blocked[];
  /** The obstacles, ports that are about to be free, and what running services lack. */
  readonly blocked: readonly Blocked[];
  /** The kept ones that nothing stands in the way of. */
  readonly free: readonly Kept[];
}

export function situationOf(wanted: Wanted): Situation {
  const { deployment, owner, target, own, snapshot } = wanted;
  const { record } = snapshot;
  const from = wayBack(target, own, record);
  const slots = slotsOf({ deployment, target, good: from ?? goodOf(record, "rolled-back"), snapshot });
  const opened = from === null ? null : openTrial(target, from, own, snapshot);
  const isToBegin = opened !== null && opened !== record;
  // A container made for a trial that is not recorded yet, or no longer, is started when it is.
  const kept = slots
    .flatMap((slot) => keep(slot, target, snapshot))
    .filter(({ current, need }) => !(isToBegin && need === "start" && current.scoreString === target.scoreString));
  const changing = slots.filter(({ service }) => !kept.some((one) => one.service === service));
  const strays = straysOf(slots, own);
  const starting = kept.filter(({ need }) => need === "start");
  const ports = portsAround(wanted);
  const found = [...starting, ...changing].map((slot) =>
    obstaclesOf(slot, { deployment, owner, wait: ports.waitOf(slot.service, changing.includes(slot)) }, snapshot),
  );
  const portWaits = found.flatMap(({ wait }) => wait ?? []);
  const swap = { trial: opened === null ? null : { deployment, record: opened }, keepsNext: target.kind === "waiting" };
  const stops = [...strays.flatMap(stop), ...changing.flatMap((slot) => exchange(slot, swap).stop)];
  const ofWork = awaited(wanted, stops);
  const ofOthers = found.flatMap(({ obstacles: own }) => own);
  // The time that it may take is not counted before all else is ready.
  const isMade = changing.every((slot) => slot.wanted !== "neither");
  const isReady = isMade && ofOthers.every((one) => portWaits.some(({ kind, blocked: of }) => kind === "make-ready" && of === one));
  const obstacles = isReady ? [...ofWork.blocked, ...ofOthers] : ofOthers;
  const blocked = [
    ...obstacles,
    ...portWaits.filter(({ kind }) => kind === "release").map((wait) => wait.blocked),
    ...kept.filter((slot) => !starting.includes(slot)).flatMap(({ service }) => missingDevices(service, snapshot)),
  ];
  const leaving = [...strays, ...changing.flatMap(({ current, next, previous }) => [current, next, previous].filter(isThere))];
  const ofLeaving = portsOf(leaving.filter(isUp));
  return {
    ...wanted,
    from,
    opened,
    isToBegin,
    swap,
    slots,
    kept,
    changing,
    strays,
    leaving,
    ports,
    portWaits,
    awaited: ofWork,
    obstacles,
    blocked,
    // A port that leaves with this change is free in the next pass.
    free: kept.filter((slot) => !isBlocked(slot, blocked) && portConflict(slot.service.ports, ofLeaving) === null),
  };
}

export function isBlocked({ service }: Pick<Slot, "service">, blocked: readonly Blocked[]): boolean {
  return blocked.some(({ subject }) => subject === service.name);
}

/** Whether it is the previous container, kept to go back to. */
export function isPrevious({ name }: Container): boolean {
  return name.endsWith(".old");
}

function isThere(container: Container | undefined): container is Container {
  return container !== undefined;
}

/** A previous container is in the way only if it was started after all. */
function straysOf(slots: readonly Slot[], own: readonly Container[]): Container[] {
  const names = new Set(slots.flatMap(({ names: { current, next } }) => [current, next]));
  const isOfSlot = ({ name }: Container): boolean => slots.some(({ names: { previous } }) => previous === name);
  return own.filter((one) => !names.has(one.name) && (!isPrevious(one) || (isUp(one) && !isOfSlot(one))));
}

/**
 * The causes that keep a service from being started or replaced now, and may pass; and the port
 * that it waits for, if it waits for nothing of its own.
 */
function obstaclesOf(
  slot: Slot,
  { deployment, owner, wait }: Pick<Seen, "deployment" | "owner"> & { readonly wait: PortWait | null },
  snapshot: Snapshot,
): { readonly obstacles: readonly Blocked[]; readonly wait: PortWait | null } {
  const { service } = slot;
  const ofHost = [
    ...(slot.wanted === "neither" ? volumesOfOthers(service, { deployment, owner }, snapshot) : []),
    ...secretStoreObstacle(slot, snapshot),
    ...(slot.wanted === "neither" ? obstaclesToMaking(slot, snapshot) : []),
    ...obstaclesToStarting(slot, snapshot),
  ];
  if (ofHost.length > 0) return { obstacles: ofHost, wait: null };
  if (wait === null) return { obstacles: imageObstacle(slot, deployment, snapshot), wait };
  return { obstacles: wait.kind === "release" ? [] : [wait.blocked], wait };
}
