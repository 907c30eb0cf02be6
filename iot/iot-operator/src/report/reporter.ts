// Keeps what the devices last said and what the last settled pass left in the bucket, and makes of
// them what the source gets. A status costs what it changes: the counters of each Deployment are
// kept, and changed by the difference of one device; when a device falls silent is known from a
// heap. Ages are by the server's time stamps, carried on by a clock that never goes back. The words
// are aggregate.ts's, how often they are reported report-pace.ts's.

import type { Parsed } from "@harmony/core";
import type { Clock } from "@harmony/runtime";
import { asDeploymentName, type DeploymentAggregate, type DeviceId, type DeviceStatus, offlineAfterMs } from "@iot/contracts";
import type { DesiredStateSnapshot, StatusEntry } from "@iot/messaging";
import {
  BootsHeard,
  conditionsOf,
  type Counted,
  countedStatus,
  type CountedStatus,
  DeploymentTally,
  PROGRESS_DEADLINE_SECONDS,
  stateOf,
} from "@iot/fleet";
import { entryOf, manifestOf, scoreOf } from "../plan/compile.ts";
import type { Reported } from "../plan/device-steps.ts";
import type { DesiredStatePlan } from "../plan/plan.ts";
import type { CompleteSnapshot, DeploymentResult, SourceDeployment, SourceObject } from "../sources/source.ts";
import type { Blocked } from "../sources/reasons.ts";
import { Deadlines } from "./deadlines.ts";
import { ReportPace } from "./report-pace.ts";

interface Settled {
  readonly source: CompleteSnapshot;
  readonly desired: DesiredStateSnapshot;
  readonly plan: DesiredStatePlan;
}

interface Heard {
  readonly status: Parsed<CountedStatus>;
  /** On the monotonic clock: when the server received it. */
  readonly receivedMs: number;
}

type Owned = SourceObject & { readonly generation: number };
type Why = Omit<Blocked, "subject">;

/** What is to be reported of one object, and of which devices. */
interface Wanted {
  readonly object: Owned;
  readonly devices: readonly DeviceId[];
  readonly blocked: Why | null;
}

/** The counters of one object. They outlive a pass. */
interface Counting {
  readonly name: string;
  readonly tally: DeploymentTally;
}

interface Followed extends Wanted {
  readonly counting: Counting;
  /** What stands in the bucket of it. */
  readonly scoreString: string | null;
  /** The last, and what it was made of. */
  made: { readonly counted: Counted; readonly overdue: number; readonly result: DeploymentResult } | null;
}

export class Reporter {
  readonly #sourceId: string;
  readonly #clock: Clock;
  readonly #heard = new Map<DeviceId, Heard>();
  readonly #boots = new BootsHeard();
  readonly #reported = new Map<DeviceId, Reported>();
  readonly #silent = new Deadlines<DeviceId>();
  readonly #waiting = new Map<string, { generation: number; mostRunning: number; sinceMs: number }>();
  readonly #pace = new ReportPace();
  #settled: Settled | null = null;
  /** In the order in which they are reported. */
  #followed: readonly Followed[] = [];
  #byDevice: ReadonlyMap<DeviceId, readonly Counting[]> = new Map();

  constructor({ sourceId, clock }: { sourceId: string; clock: Clock }) {
    this.#sourceId = sourceId;
    this.#clock = clock;
  }

  /** The device, if a mark of a removal may have done its duty there. */
  hear(entry: StatusEntry): DeviceId | null {
    const { device, status, nowMs, receivedAtMs } = entry;
    const receivedMs = this.#clock.monotonicMs() - Math.max(0, nowMs - receivedAtMs);
    const counted: Parsed<CountedStatus> = status.ok ? { ok: true, value: this.#counted(device, status.value, receivedMs) } : status;
    this.#heard.set(device, { status: counted, receivedMs });
    this.#silent.set(device, receivedMs + offlineAfterMs(counted.ok ? counted.value : null));
    this.#count(device);
    const before = this.#reported.get(device);
    if (!status.ok) {
      this.#reported.delete(device);
      return null;
    }
    const { manifestRevision, deployments } = status.value;
    const now: Reported = { manifestRevision, deployments: new Set(Object.keys(deployments)) };
    this.#reported.set(device, now);
    const isNew = before?.manifestRevision !== manifestRevision || before.deployments.size !== now.deployments.size;
    return isNew && this.#hasMarks(device) ? device : null;
  }

  #counted(device: DeviceId, status: DeviceStatus, receivedMs: number): CountedStatus {
    const inUse = this.#boots.hear(device, status, receivedMs);
    const counted = countedStatus(status);
    return inUse === null ? counted : { ...counted, problem: inUse };
  }

  /** The store has lost it. */
  forget(device: DeviceId): void {
    this.#heard.delete(device);
    this.#boots.forget(device);
    this.#reported.delete(device);
    this.#silent.delete(device);
    this.#count(device);
  }

  /** What each device that ever reported says that it has. */
  reported(): ReadonlyMap<DeviceId, Reported> {
    return this.#reported;
  }

  /** `changed`: those of which the bucket has something else than before; null: any may. */
  settle(settled: Settled, changed: ReadonlySet<DeviceId> | null = null): void {
    const before = this.#followed;
    const known = new Map(before.map((one) => [one.object.uid, one]));
    const manifestsBefore = this.#settled?.desired.manifests;
    this.#settled = settled;
    this.#followed = this.#wanted(settled).map((wanted) => {
      const was = known.get(wanted.object.uid);
      // Each counts on its own, should two of them have one uid.
      known.delete(wanted.object.uid);
      return this.#follow(wanted, was);
    });
    const isShapeSame =
      before.length === this.#followed.length &&
      this.#followed.every(({ counting, devices }, index) => before[index]?.counting === counting && before[index].devices === devices);
    if (!isShapeSame) this.#byDevice = countingsByDevice(this.#followed);
    if (changed === null) {
      for (const device of this.#byDevice.keys()) {
        const isManifestSame = manifestsBefore?.get(device)?.manifest === settled.desired.manifests.get(device)?.manifest;
        if (!isShapeSame || !isManifestSame) this.#count(device);
      }
    } else {
      const shapes = new Map(before.map(({ counting, devices }) => [counting, devices]));
      const reshaped = this.#followed.filter(({ counting, devices }) => shapes.get(counting) !== devices);
      for (const device of new Set([...changed, ...reshaped.flatMap(({ devices }) => devices)])) this.#count(device);
    }
    const uids = new Set(this.#followed.map(({ object: { uid } }) => uid));
    for (const uid of this.#waiting.keys()) if (!uids.has(uid)) this.#waiting.delete(uid);
    this.#pace.keepOnly(uids);
  }

  /** null: no pass has settled yet. */
  results(): DeploymentResult[] | null {
    if (this.#settled === null) return null;
    const nowMs = this.#clock.monotonicMs();
    for (const device of this.#silent.takeDue(nowMs)) this.#count(device);
    return this.#followed.map((one) => this.#pace.paced(this.#result(one), nowMs));
  }

  #wanted({ source, plan }: Settled): Wanted[] {
    const blocked = new Map(plan.blocked.map((one) => [one.subject, one]));
    const unserved = [...source.refused, ...this.#heldBack(source, blocked)];
    const isServed = (one: SourceDeployment): boolean => one.isClaimed !== false;
    const needsHeld = unserved.length > 0 || !source.deployments.every(isServed);
    const held = needsHeld ? this.#entriesByObject() : new Map<string, DeviceId[]>();
    const heldOf = (object: Owned): readonly DeviceId[] => held.get(objectKey(object)) ?? [];
    const message = "it is not served until its finalizer stands, which is under way";
    const unclaimed: Why = { reason: "FinalizerMissing", message };
    return [
      ...source.deployments.map((object): Wanted => {
        const why = blocked.get(object.uid) ?? null;
        if (isServed(object)) return { object, devices: this.#targets(object), blocked: why };
        return { object, devices: heldOf(object), blocked: why ?? unclaimed };
      }),
      ...unserved.map((object): Wanted => ({ object, devices: heldOf(object), blocked: object })),
    ];
  }

  /** Being deleted, but held: whoever deleted it reads why it does not go. */
  #heldBack({ deleting }: CompleteSnapshot, blocked: ReadonlyMap<string, Blocked>): (Owned & Why)[] {
    return deleting.flatMap(({ uid, namespace, name, generation }) => {
      const why = blocked.get(uid);
      return generation === undefined || why === undefined
        ? []
        : [{ uid, namespace, name, generation, reason: why.reason, message: why.message }];
    });
  }

  /** What was counted of it stays, as far as it has the same devices. */
  #follow(wanted: Wanted, before: Followed | undefined): Followed {
    const { object, devices, blocked } = wanted;
    const scoreString = this.#scoreStringOf(wanted);
    const isKnown = before?.object.name === object.name;
    const counting = isKnown ? before.counting : { name: object.name, tally: new DeploymentTally() };
    if (isKnown && before.devices !== devices) {
      const kept = new Set(devices);
      for (const device of before.devices) if (!kept.has(device)) counting.tally.delete(device);
    }
    const isSame =
      before !== undefined &&
      before.made !== null &&
      before.object.generation === object.generation &&
      before.object.namespace === object.namespace &&
      before.scoreString === scoreString &&
      before.blocked?.reason === blocked?.reason &&
      before.blocked?.message === blocked?.message;
    return { object, devices, blocked, counting, scoreString, made: isSame ? before.made : null };
  }

  #hasMarks(device: DeviceId): boolean {
    const desired = this.#settled?.desired;
    const removed = desired === undefined ? undefined : manifestOf(desired, device)?.removed;
    return removed !== undefined && Object.keys(removed).length > 0;
  }

  /** What the bucket has of each object of this source. */
  #entriesByObject(): Map<string, DeviceId[]> {
    const held = new Map<string, DeviceId[]>();
    for (const [device, { manifest }] of this.#settled?.desired.manifests ?? []) {
      if (!manifest.ok) continue;
      for (const [name, { source, namespace }] of Object.entries(manifest.value.deployments)) {
        if (source !== this.#sourceId) continue;
        const key = objectKey({ namespace, name });
        const devices = held.get(key);
        if (devices === undefined) held.set(key, [device]);
        else devices.push(device);
      }
    }
    return held;
  }

  /** Its devices, without those where another has its name, and those that do not take it. */
  #targets({ uid, name, targetDevices }: SourceDeployment): readonly DeviceId[] {
    const compiled = this.#settled?.plan.compiled;
    const without = (compiled?.notAllowed.get(uid) ?? []).filter((device) => this.#revisionOf(name, device) === null);
    const lost = new Set([...(compiled?.conflicts.get(uid) ?? []).map(({ device }) => device), ...without]);
    return lost.size === 0 ? targetDevices : targetDevices.filter((device) => !lost.has(device));
  }

  #scoreStringOf({ object: { name }, devices }: Wanted): string | null {
    const desired = this.#settled?.desired;
    if (desired === undefined) return null;
    for (const device of devices) {
      if (this.#revisionOf(name, device) === null) continue;
      const { scoreString } = scoreOf(desired, device, asDeploymentName(name));
      if (scoreString !== null) return scoreString;
    }
    return null;
  }

  /** The revision that the bucket has of it for this device, if it is this source's. */
  #revisionOf(name: string, device: DeviceId): number | null {
    const desired = this.#settled?.desired;
    const entry = desired === undefined ? undefined : entryOf(manifestOf(desired, device), name);
    return entry?.source === this.#sourceId ? entry.revision : null;
  }

  /** One device anew, in all Deployments that are to have it. */
  #count(device: DeviceId): void {
    const countings = this.#byDevice.get(device);
    if (countings === undefined) return;
    const heard = this.#heard.get(device);
    const status = heard === undefined ? null : { ageMs: this.#clock.monotonicMs() - heard.receivedMs, value: heard.status };
    for (const { name, tally } of countings) {
      tally.set(device, stateOf(name, { device, revision: this.#revisionOf(name, device), status }));
    }
  }

  /** The same object as before when it would say the same. */
  #result(one: Followed): DeploymentResult {
    const counted = one.counting.tally.counted();
    const waitedMs = this.#waitedMs(one.object, counted.aggregate);
    const overdue = waitedMs > PROGRESS_DEADLINE_SECONDS * 1_000 ? Math.floor(waitedMs / 60_000) : 0;
    if (one.made?.counted === counted && one.made.overdue === overdue) return one.made.result;
    const { uid, namespace, name, generation } = one.object;
    const conditions = conditionsOf({ counted, blocked: one.blocked, waitedMs });
    const result = { uid, namespace, name, generation, scoreString: one.scoreString, conditions, aggregate: counted.aggregate };
    one.made = { counted, overdue, result };
    return result;
  }

  /**
   * Since the last progress: another generation, one device more than ever that runs it, or all
   * that can. Coming and going is none.
   */
  #waitedMs({ uid, generation }: Owned, { devices, running, offline }: DeploymentAggregate): number {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#waiting.get(uid);
    const isReady = running > 0 && running + offline === devices;
    if (known?.generation === generation && running <= known.mostRunning && !isReady) return nowMs - known.sinceMs;
    this.#waiting.set(uid, { generation, mostRunning: running, sinceMs: nowMs });
    return 0;
  }
}

function countingsByDevice(followed: readonly Followed[]): Map<DeviceId, Counting[]> {
  const byDevice = new Map<DeviceId, Counting[]>();
  for (const { counting, devices } of followed) {
    for (const device of devices) {
      const others = byDevice.get(device);
      if (others === undefined) byDevice.set(device, [counting]);
      else others.push(counting);
    }
  }
  return byDevice;
}

function objectKey({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`;
}
