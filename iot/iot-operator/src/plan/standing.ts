// What the last pass left, and which devices differ from it. A plan of these alone does for them
// what a plan of all would do, and the others need nothing: so a change costs what it changes. What
// is held or lost stays as it was judged, and its devices are looked at with each change, so that a
// held thing costs its own devices and no more. What is judged now (a removal, a name that is
// refused, a full store) is judged over all devices, and whoever meets it plans all of them. Pure
// but for what it remembers.

import { canonicalJson } from "@harmony/schema";
import type { DeviceId } from "@iot/contracts";
import type { DesiredStateSnapshot } from "@iot/messaging";
import type { CompleteSnapshot, SourceDeployment } from "../sources/source.ts";
import { type DesiredStatePlan, plan, type PlanInput } from "./plan.ts";
import type { Verdict } from "./removals/plan-removals.ts";
import { type Entry, keyOf, objectOf, type RemovalRecord } from "./removals/record.ts";

/** A source beside the one that stands. */
interface Changes {
  readonly source: CompleteSnapshot;
  /** What is new, and what says something else. */
  readonly changed: readonly SourceDeployment[];
  /** What stood in their place, and what is not there any more. */
  readonly before: readonly SourceDeployment[];
  /** What these are to have may differ. */
  readonly devices: ReadonlySet<DeviceId>;
}

export interface PartInput extends Omit<PlanInput, "desired"> {
  /** Devices that may differ, whatever the source says. */
  readonly dirty: ReadonlySet<DeviceId>;
  /** As they were when the pass began; null: they have changed since. */
  readonly observe: (devices: ReadonlySet<DeviceId>) => DesiredStateSnapshot | null;
}

export interface PartPlan {
  readonly planned: DesiredStatePlan;
  readonly source: CompleteSnapshot;
  readonly devices: ReadonlySet<DeviceId>;
  /** Nothing is left to do: what was observed stands. All that stands then. */
  settle(): DesiredStateSnapshot;
}

interface Settled {
  readonly source: CompleteSnapshot;
  readonly desired: DesiredStateSnapshot;
  /** Sources that are taken over, with blanks between. */
  readonly adopts: string;
}

/** Of a larger part all is planned, which costs less than to choose. */
const PART = 1 / 2;
const SMALL = 64;

export class Standing {
  #source: CompleteSnapshot;
  /** By device, the uids of what it is to have. */
  readonly #targets = new Map<DeviceId, Set<string>>();
  readonly #manifests: Map<DeviceId, ValueOf<DesiredStateSnapshot["manifests"]>>;
  readonly #scores: Map<string, ValueOf<DesiredStateSnapshot["scores"]>>;
  readonly #desired: DesiredStateSnapshot;
  readonly #adopts: string;
  /** What was held or lost: the record may have lost it since, and the bucket has it. */
  #staying: readonly Entry[];

  constructor({ source, desired: { manifests, scores, foreignKeys }, adopts }: Settled, record: RemovalRecord) {
    this.#source = source;
    this.#staying = stayingOf(record);
    this.#adopts = adopts;
    this.#manifests = new Map(manifests);
    this.#scores = new Map(scores);
    this.#desired = { manifests: this.#manifests, scores: this.#scores, foreignKeys };
    this.#retarget([], source.deployments);
  }

  /** null: all devices are to be planned. */
  planPart({ dirty, observe, ...input }: PartInput): PartPlan | null {
    const { record } = input.removals;
    if ([...input.adopts].join(" ") !== this.#adopts) return null;
    if (!isOrdinarySource(input.source) || !isJudged(record) || input.unclaimed.size > 0 || input.isStoreFull === true) return null;
    // What a device takes is not its Deployments' to say: any of them may differ.
    if (input.source.allowed !== this.#source.allowed) return null;
    // What cannot be served keeps all its entries, wherever they are, and what is deleted leaves
    // them all.
    if (!isSameRefused(this.#source, input.source) || !isSameDeleting(this.#source, input.source)) return null;
    const staying = [...this.#staying, ...stayingOf(record)];
    // Why it stays is found in a reading that has evidence.
    if (staying.length > 0 && input.source.evidence === null) return null;
    const changes = this.#compare(input.source);
    if (changes === null) return null;
    // What the record says of a device changes when it is asked for again.
    const judged = [...record.removed, ...staying];
    const devices = new Set([...dirty, ...changes.devices, ...judged.map(({ device }) => device)]);
    if (devices.size > SMALL && devices.size > this.#manifests.size * PART) return null;
    const desired = observe(devices);
    if (desired === null) return null;
    const { source } = changes;
    const deployments = this.#narrowed(changes, devices, new Set(judged.map(objectOf)));
    const planned = plan({ ...input, source: { ...source, deployments }, desired });
    if (!isOrdinary(planned, record)) return null;
    return { planned, source, devices, settle: () => this.#settle(changes, desired, planned.removals.record) };
  }

  /** null: two objects of one uid cannot be told apart. */
  #compare(source: CompleteSnapshot): Changes | null {
    const was = byUid(this.#source);
    if (was.size < this.#source.deployments.length || byUid(source).size < source.deployments.length) return null;
    const changed: SourceDeployment[] = [];
    const before: SourceDeployment[] = [];
    const devices = new Set<DeviceId>();
    const deployments = source.deployments.map((one) => {
      const old = was.get(one.uid);
      was.delete(one.uid);
      const isForSame = old !== undefined && isSameList(old.targetDevices, one.targetDevices);
      const isTextSame = old !== undefined && saysSame(old, one);
      // The same list as before: whoever counts by it goes on counting.
      const kept = isForSame ? { ...one, targetDevices: old.targetDevices } : one;
      if (isForSame && isTextSame) return kept;
      changed.push(kept);
      if (old !== undefined) before.push(old);
      const [had, has] = [new Set(old?.targetDevices), new Set(kept.targetDevices)];
      for (const device of had) if (!isTextSame || !has.has(device)) devices.add(device);
      for (const device of has) if (!isTextSame || !had.has(device)) devices.add(device);
      return kept;
    });
    before.push(...was.values());
    for (const { targetDevices } of was.values()) for (const device of targetDevices) devices.add(device);
    return { source: { ...source, deployments }, changed, before, devices };
  }

  /** As these devices see it, in the order of the source; `judged` tells why something leaves. */
  #narrowed({ source, changed }: Changes, devices: ReadonlySet<DeviceId>, judged: ReadonlySet<string>): SourceDeployment[] {
    const targets = new Map<string, DeviceId[]>();
    for (const device of devices) {
      for (const uid of this.#targets.get(device) ?? []) {
        const known = targets.get(uid);
        if (known === undefined) targets.set(uid, [device]);
        else known.push(device);
      }
    }
    for (const { uid, targetDevices } of changed)
      targets.set(
        uid,
        targetDevices.filter((device) => devices.has(device)),
      );
    return source.deployments.flatMap((one) => {
      const targetDevices = targets.get(one.uid) ?? (judged.has(objectOf(one)) ? [] : undefined);
      return targetDevices === undefined ? [] : [{ ...one, targetDevices }];
    });
  }

  #settle({ source, changed, before }: Changes, { manifests, scores }: DesiredStateSnapshot, record: RemovalRecord): DesiredStateSnapshot {
    this.#source = source;
    this.#staying = stayingOf(record);
    this.#retarget(before, changed);
    for (const [device, entry] of manifests) this.#manifests.set(device, entry);
    for (const [key, entry] of scores) this.#scores.set(key, entry);
    return this.#desired;
  }

  #retarget(before: readonly SourceDeployment[], after: readonly SourceDeployment[]): void {
    for (const { uid, targetDevices } of before) for (const device of targetDevices) this.#targets.get(device)?.delete(uid);
    for (const { uid, targetDevices } of after) {
      for (const device of targetDevices) {
        const uids = this.#targets.get(device);
        if (uids === undefined) this.#targets.set(device, new Set([uid]));
        else uids.add(uid);
      }
    }
  }
}

type ValueOf<Entries> = Entries extends ReadonlyMap<unknown, infer Value> ? Value : never;

/** Whether what stands can be told from here on by what differs from it. */
export function standingAfter(planned: DesiredStatePlan, settled: Settled): Standing | null {
  const { record } = planned.removals;
  const isAll = planned.steps.length === 0 && isOrdinary(planned, record) && isOrdinarySource(settled.source);
  return isAll ? new Standing(settled, record) : null;
}

/** Nothing is judged now, refused or waited for: what was held or lost before stays so. */
function isOrdinary({ removals, blocked, orphans, recheckAfterMs, compiled }: DesiredStatePlan, before: RemovalRecord): boolean {
  const [held, lost] = [before.held, before.lost].map((entries) => new Set(entries.map(keyOf)));
  const staysAsIs = ([key, { kind }]: readonly [string, Verdict]): boolean =>
    (kind === "held" && held?.has(key) === true) || (kind === "lost" && lost?.has(key) === true);
  const isCalm = [...removals.verdicts].every(staysAsIs) && isJudged(removals.record) && recheckAfterMs === null;
  return isCalm && blocked.every(({ reason }) => reason === "RemovalHeld") && orphans.length === 0 && compiled.conflicts.size === 0;
}

function stayingOf({ held, lost }: RemovalRecord): readonly Entry[] {
  return [...held, ...lost];
}

/** All that leaves is judged, and the record has room for it. */
function isJudged({ gathering, more }: RemovalRecord): boolean {
  return gathering === null && more === 0;
}

function isOrdinarySource({ problem, authoritative }: CompleteSnapshot): boolean {
  return problem === undefined && authoritative !== false;
}

function byUid({ deployments }: CompleteSnapshot): Map<string, SourceDeployment> {
  return new Map(deployments.map((one) => [one.uid, one]));
}

function isSameRefused(a: CompleteSnapshot, b: CompleteSnapshot): boolean {
  const names = ({ refused }: CompleteSnapshot): string => refused.map(objectOf).toSorted().join(" ");
  return names(a) === names(b);
}

function isSameDeleting(a: CompleteSnapshot, b: CompleteSnapshot): boolean {
  const texts = ({ deleting }: CompleteSnapshot): string => canonicalJson(deleting.toSorted((x, y) => (x.uid < y.uid ? -1 : 1)));
  return texts(a) === texts(b);
}

function isSameList(a: readonly DeviceId[], b: readonly DeviceId[]): boolean {
  return a === b || (a.length === b.length && a.every((device, index) => device === b[index]));
}

/** To a device. The generation of a commit is every commit's. */
function saysSame(a: SourceDeployment, b: SourceDeployment): boolean {
  return (
    a.namespace === b.namespace &&
    a.name === b.name &&
    a.scoreString === b.scoreString &&
    a.createdAt === b.createdAt &&
    a.isClaimed === b.isClaimed &&
    (a.commit === undefined) === (b.commit === undefined) &&
    (b.commit !== undefined || a.generation === b.generation)
  );
}
