// Ports of the host that change hands between deployments. What each of them holds and what its
// version asks for shows who waits for whom. In a chain the one that gives a port up goes
// first, and the next follows when that one has proved itself, for until then it may want to go
// back. In a circle nobody can go first: each makes its new containers ready and writes that down;
// when all have, each stops its old ones, and starts the new ones as the ports become free. They
// are on trial together, and if one goes back all do. Pure. The stages are in exchange-ports.ts.

import type { Blocked } from "../model/reason.ts";
import { portsOf } from "./port-conflict.ts";
import { isUp } from "../model/container-state.ts";
import { containerName, serviceOfName } from "../model/names.ts";
import type { Neighbour } from "../model/neighbour.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";
import type { Exchange, SwapRecord } from "../model/swap-record.ts";
import { goodOf, type Target, targetOf } from "../model/target.ts";
import { HeldPorts, type HostPort } from "../score/held-ports.ts";
import type { Service } from "../score/service.ts";

/** A port that a service waits for. */
export interface PortWait {
  readonly blocked: Blocked;
  /**
   * `make-ready`: it is exchanged in a circle, not all of which are ready. `release`: all are, and
   * it is about to be free. `hold`: somebody keeps it, or gives it up first.
   */
  readonly kind: "hold" | "make-ready" | "release";
}

export interface PortsAround {
  /** The names of all in the circle, this one among them, sorted; empty: it is in none. */
  readonly circle: readonly string[];
  /** The record has it for this version; null: it is in no exchange. */
  readonly exchange: Exchange | null;
  /** `isChanging`: the service is not served by this version yet. */
  waitOf(service: Service, isChanging: boolean): PortWait | null;
}

interface Mover {
  readonly name: string;
  /** null: it is being removed. */
  readonly target: Target | null;
  readonly record: SwapRecord;
  readonly trouble: string | null;
  /** The containers that hold ports, or that would again after a power cut. */
  readonly holding: readonly Container[];
}

/** One deployment, the version that it is to have, and all that is seen. */
export interface Around {
  readonly deployment: string;
  readonly target: Target;
  readonly snapshot: Snapshot;
}

export function portsAround({ deployment, target, snapshot }: Around): PortsAround {
  const movers = new Map(snapshot.neighbours.map((one) => [one.desired.name, moverOf(one, snapshot)]));
  const self: Mover = { name: deployment, target, record: snapshot.record, trouble: null, holding: holdingOf(deployment, snapshot) };
  const circle = circleOf(self, movers);
  const exchange = exchangeFor(snapshot.record, target);
  const isAllReady = exchange !== null && exchange.with.every((name) => name === deployment || isReady(name, exchange, movers));
  const ofUp = portsOf(snapshot.containers.filter((one) => one.deployment !== deployment && isUp(one)));
  const others = [...movers.values()].filter(({ name }) => !(exchange?.with ?? []).includes(name));
  // Where all are ready, what is down is released.
  const ofDown = portsOf((isAllReady ? others : [...movers.values()]).flatMap(({ holding }) => holding.filter((one) => !isUp(one))));
  const ofWaysBack = waysBack(others);
  const waitOfPort = (service: Service, port: HostPort, isChanging: boolean): PortWait | null => {
    const name = (ofUp.holderOf(port) ?? downHolder(port, ofDown, movers))?.deployment;
    if (name !== undefined) {
      const mover = movers.get(name);
      const held = { service, port: portText(service, port), name, mover, givesUp: givesUp(mover, port) };
      return waitFor(held, { circle, exchange, isAllReady, movers });
    }
    const reserved = isChanging ? ofWaysBack.holderOf(port) : undefined;
    if (reserved === undefined) return null;
    const says = `is kept for deployment "${reserved}", whose last version has it, until its new version has proved itself: this one takes it then`;
    return wait("hold", service, `${portText(service, port)} ${says}`);
  };
  return {
    circle,
    exchange,
    waitOf: (service, isChanging) => {
      const waits = service.ports.flatMap((port) => waitOfPort(service, port, isChanging) ?? []);
      return FARTHEST_FIRST.flatMap((kind) => waits.find((one) => one.kind === kind) ?? [])[0] ?? null;
    },
  };
}

/** The port that is farthest from being free counts. */
const FARTHEST_FIRST: readonly PortWait["kind"][] = ["hold", "make-ready", "release"];

/** Those with which the version exchanges ports, that have gone back or stand by. */
export function partnerGoneBack({
  deployment,
  target,
  snapshot,
}: Around): { readonly name: string; readonly neighbour: Neighbour; readonly kind: "failed" | "waits" } | null {
  const { record, nowMs } = snapshot;
  const exchange = exchangeFor(record, target);
  for (const neighbour of exchange === null ? [] : snapshot.neighbours) {
    const { desired, record: theirs } = neighbour;
    const { name, data } = desired;
    if (name === deployment || exchange?.with.includes(name) !== true || data === null) continue;
    const { kind } = targetOf(desired, data, theirs, nowMs);
    if (kind !== "desired") return { name, neighbour, kind: kind === "rolled-back" ? "failed" : "waits" };
  }
  return null;
}

/** Partners that are not known to have proved themselves. */
export function partnersOnTrial({ deployment, target, snapshot }: Around): readonly string[] {
  const exchange = target.kind === "desired" ? exchangeFor(snapshot.record, target) : null;
  if (exchange === null) return [];
  const movers = new Map(snapshot.neighbours.map((one) => [one.desired.name, moverOf(one, snapshot)]));
  return exchange.with.filter(
    (name) => name !== deployment && isReady(name, exchange, movers) && movers.get(name)?.record.exchange?.passed !== true,
  );
}

export function exchangeFor({ exchange }: SwapRecord, { scoreString }: Pick<Target, "scoreString">): Exchange | null {
  return exchange?.to === scoreString ? exchange : null;
}

function moverOf({ desired, record, trouble }: Neighbour, snapshot: Snapshot): Mover {
  const { name, data } = desired;
  const target = data === null ? null : targetOf(desired, data, record, snapshot.nowMs);
  return { name, target, record, trouble, holding: holdingOf(name, snapshot) };
}

function holdingOf(deployment: string, { containers }: Snapshot): readonly Container[] {
  return containers.filter((one) => one.deployment === deployment && (isUp(one) || isCutOff(one)));
}

/** It served when the power went, and does again as soon as somebody looks. */
function isCutOff({ name, deployment, state, startedAtMs }: Container): boolean {
  return state === "created" && startedAtMs !== null && name === containerName(deployment, serviceOfName(deployment, name));
}

function givesUp(mover: Mover | undefined, port: HostPort): boolean {
  return mover !== undefined && !asksFor(mover.target, port);
}

function asksFor(target: Target | null, port: HostPort): boolean {
  const held = new HeldPorts<string>();
  for (const { name, ports } of target?.score.services ?? []) for (const one of ports) held.add(one, name);
  return held.holderOf(port) !== undefined;
}

/**
 * A container that is down holds only what its deployment gives up. Else two that want one port
 * would wait for ever.
 */
function downHolder(port: HostPort, ofDown: HeldPorts<Container>, movers: ReadonlyMap<string, Mover>): Container | undefined {
  const found = ofDown.holderOf(port);
  return found !== undefined && givesUp(movers.get(found.deployment), port) ? found : undefined;
}

/** Collects the ports of versions that deployments may go back to in a trial, or go back to now. */
function waysBack(movers: readonly Mover[]): HeldPorts<string> {
  const held = new HeldPorts<string>();
  for (const { name, target, record } of movers) {
    const { trial } = record;
    if (target === null) continue;
    const isTried = trial !== null && !trial.isAside && trial.to.scoreString === target.scoreString;
    if (!isTried && target.kind === "desired") continue;
    for (const { ports } of goodOf(record, "rolled-back")?.score.services ?? []) for (const port of ports) held.add(port, name);
  }
  return held;
}

/** All from which each other can be reached by going to who gives up a port that is waited for. */
function circleOf(self: Mover, movers: ReadonlyMap<string, Mover>): readonly string[] {
  const all = new Map([...movers, [self.name, self]]);
  const reach = (from: Mover): ReadonlySet<string> => {
    const found = new Set<string>();
    const look = (one: Mover): void => {
      for (const name of waitsFor(one, all)) {
        if (found.has(name)) continue;
        found.add(name);
        const next = all.get(name);
        if (next !== undefined) look(next);
      }
    };
    look(from);
    return found;
  };
  const reached = reach(self);
  if (!reached.has(self.name)) return [];
  return [...reached].filter((name) => name === self.name || reach(all.get(name) ?? self).has(self.name)).toSorted();
}

function waitsFor({ name: own, target }: Mover, all: ReadonlyMap<string, Mover>): readonly string[] {
  const ports = target?.score.services.flatMap((service) => service.ports) ?? [];
  return [...all.values()].flatMap((other) => {
    if (other.name === own || other.holding.length === 0) return [];
    const held = portsOf(other.holding);
    return ports.some((port) => held.holderOf(port) !== undefined && givesUp(other, port)) ? [other.name] : [];
  });
}

/**
 * It is ready to go, or has gone, with the same others. One that nobody has looked at yet counts.
 */
function isReady(name: string, { with: members }: Exchange, movers: ReadonlyMap<string, Mover>): boolean {
  const mover = movers.get(name);
  if (mover === undefined) return true;
  const theirs = mover.target === null ? null : exchangeFor(mover.record, mover.target);
  return theirs !== null && theirs.with.join() === members.join();
}

interface Held {
  readonly service: Service;
  readonly port: string;
  readonly name: string;
  readonly mover: Mover | undefined;
  readonly givesUp: boolean;
}

function waitFor(
  { service, port, name, mover, givesUp: isGivenUp }: Held,
  {
    circle,
    exchange,
    isAllReady,
    movers,
  }: Pick<PortsAround, "circle" | "exchange"> & { isAllReady: boolean; movers: ReadonlyMap<string, Mover> },
): PortWait {
  const isPartner = exchange?.with.includes(name) === true;
  if (isPartner && isAllReady && (isGivenUp || mover === undefined))
    return wait("release", service, `${port} is being released by deployment "${name}", with which this one exchanges ports`);
  const inUse = `${port} is in use by deployment "${name}"`;
  if (!isGivenUp) return wait("hold", service, `${inUse}${kept(mover)}`);
  if (circle.includes(name)) return wait("make-ready", service, `${inUse}, and ${together(circle)}${notReady(circle, movers)}`);
  const trouble = mover?.trouble === null || mover === undefined ? "" : `; that one waits: ${mover.trouble}`;
  const why = mover?.target === null ? "which is being removed" : "which gives it up with its new version";
  return wait("hold", service, `${inUse}, ${why}: this one takes it then${trouble}`);
}

function kept(mover: Mover | undefined): string {
  const cure = "give one of the two another port, or remove the other";
  if (mover?.target?.kind === "rolled-back") return `, whose new version has failed and which went back: correct that version, or ${cure}`;
  if (mover?.target?.kind === "waiting") return `, whose new version could not be started and is tried again: see that one, or ${cure}`;
  return `: ${cure}`;
}

function together(circle: readonly string[]): string {
  const names = circle.map((name) => `"${name}"`);
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)} exchange their ports: all change at once when each is ready`;
}

function notReady(circle: readonly string[], movers: ReadonlyMap<string, Mover>): string {
  const waiting = circle.flatMap((name) => {
    const trouble = movers.get(name)?.trouble ?? null;
    return trouble === null ? [] : [`"${name}" is not: ${trouble}`];
  });
  return waiting.length === 0 ? "" : `; ${waiting.join("; ")}`;
}

function portText({ name }: Service, { hostPort, protocol }: HostPort): string {
  return `host port ${hostPort}/${protocol} of service "${name}"`;
}

function wait(kind: PortWait["kind"], { name: subject }: Service, message: string): PortWait {
  return { kind, blocked: { subject, reason: "PortInUse", message } };
}
