// Keeps what the devices last said and what the last settled pass left in the bucket, and makes of
// them what the source is told. Ages are by the server's time stamps, carried on by a clock that
// never goes back. The words are aggregate.ts's, how often they are told telling-pace.ts's.

import type { Blocked } from "@harmony/core";
import type { Clock } from "@harmony/runtime";
import { asDeploymentName, type DeploymentAggregate, type DeviceId } from "@iot/contracts";
import type { DesiredStateSnapshot, StatusEntry } from "@iot/messaging";
import { conditionsOf, countDevices, type DeviceView } from "@iot/fleet";
import { entryOf, manifestOf, scoreOf } from "../plan/compile.ts";
import type { Reported } from "../plan/device-steps.ts";
import type { DesiredStatePlan } from "../plan/plan.ts";
import type { CompleteSnapshot, DeploymentResult, SourceDeployment, SourceObject } from "../sources/source.ts";
import { TellingPace } from "./telling-pace.ts";

interface Settled {
  readonly source: CompleteSnapshot;
  readonly desired: DesiredStateSnapshot;
  readonly plan: DesiredStatePlan;
}

interface Heard {
  readonly entry: StatusEntry;
  /** On the monotonic clock: when the server received it. */
  readonly receivedMs: number;
}

export class Reporter {
  readonly #sourceId: string;
  readonly #clock: Clock;
  readonly #heard = new Map<DeviceId, Heard>();
  readonly #reported = new Map<DeviceId, Reported>();
  readonly #waiting = new Map<string, { generation: number; mostRunning: number; sinceMs: number }>();
  readonly #pace = new TellingPace();
  #settled: Settled | null = null;

  constructor({ sourceId, clock }: { sourceId: string; clock: Clock }) {
    this.#sourceId = sourceId;
    this.#clock = clock;
  }

  /** Whether a mark of a removal may have done its duty. */
  hear(entry: StatusEntry): boolean {
    const { device, status, nowMs, receivedAtMs } = entry;
    this.#heard.set(device, { entry, receivedMs: this.#clock.monotonicMs() - Math.max(0, nowMs - receivedAtMs) });
    const before = this.#reported.get(device);
    if (!status.ok) {
      this.#reported.delete(device);
      return false;
    }
    const { manifestRevision, deployments } = status.value;
    const now: Reported = { manifestRevision, deployments: new Set(Object.keys(deployments)) };
    this.#reported.set(device, now);
    return this.#hasMarks(device) && (before?.manifestRevision !== manifestRevision || before.deployments.size !== now.deployments.size);
  }

  /** The store has lost it. */
  forget(device: DeviceId): void {
    this.#heard.delete(device);
    this.#reported.delete(device);
  }

  /** What each device that ever reported says that it has. */
  reported(): ReadonlyMap<DeviceId, Reported> {
    return this.#reported;
  }

  settle(settled: Settled): void {
    this.#settled = settled;
  }

  /** null: no pass has settled yet. */
  tell(): DeploymentResult[] | null {
    if (this.#settled === null) return null;
    const { source, plan } = this.#settled;
    const blocked = new Map(plan.blocked.map((one) => [one.subject, one]));
    const held = this.#entriesByObject();
    const results = [
      ...source.deployments.map((one) => this.#deploymentResult(one, held, blocked.get(one.uid) ?? null)),
      ...source.refused.map((one) => this.#result(one, held.get(objectKey(one)) ?? [], one)),
      ...this.#heldBack(blocked).map((one) => this.#result(one, held.get(objectKey(one)) ?? [], one)),
    ];
    const known = new Set(results.map(({ uid }) => uid));
    for (const uid of this.#waiting.keys()) if (!known.has(uid)) this.#waiting.delete(uid);
    this.#pace.keepOnly(known);
    const nowMs = this.#clock.monotonicMs();
    return results.map((result) => this.#pace.paced(result, nowMs));
  }

  #deploymentResult(one: SourceDeployment, held: ReadonlyMap<string, DeviceId[]>, blocked: Blocked | null): DeploymentResult {
    if (one.isClaimed !== false) return this.#result(one, this.#targets(one), blocked);
    const message = "it is not served until its finalizer stands, which is under way";
    return this.#result(one, held.get(objectKey(one)) ?? [], blocked ?? { reason: "FinalizerMissing", message });
  }

  /** Being deleted, but held: whoever deleted it is told why it does not go. */
  #heldBack(blocked: ReadonlyMap<string, Blocked>): (SourceObject & { generation: number; reason: string; message: string })[] {
    return (this.#settled?.source.deleting ?? []).flatMap(({ uid, namespace, name, generation }) => {
      const why = blocked.get(uid);
      return generation === undefined || why === undefined
        ? []
        : [{ uid, namespace, name, generation, reason: why.reason, message: why.message }];
    });
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

  /** Its devices, without those where another has its name. */
  #targets({ uid, targetDevices }: SourceDeployment): readonly DeviceId[] {
    const lost = new Set((this.#settled?.plan.compiled.conflicts.get(uid) ?? []).map(({ device }) => device));
    return lost.size === 0 ? targetDevices : targetDevices.filter((device) => !lost.has(device));
  }

  #result(
    one: SourceObject & { generation: number },
    devices: readonly DeviceId[],
    blocked: Omit<Blocked, "subject"> | null,
  ): DeploymentResult {
    const { uid, namespace, name, generation } = one;
    const views = devices.map((device) => this.#view(name, device));
    const counted = countDevices(
      name,
      views.map(({ view }) => view),
    );
    const waitedMs = this.#waitedMs(one, counted.aggregate);
    const conditions = conditionsOf({ counted, blocked, waitedMs });
    const scoreString = views.find(({ scoreString: text }) => text !== null)?.scoreString ?? null;
    return { uid, namespace, name, generation, scoreString, conditions, aggregate: counted.aggregate };
  }

  #view(name: string, device: DeviceId): { view: DeviceView; scoreString: string | null } {
    const desired = this.#settled?.desired;
    const entry = desired === undefined ? undefined : entryOf(manifestOf(desired, device), name);
    const mine = entry?.source === this.#sourceId ? entry : undefined;
    const heard = this.#heard.get(device);
    const status = heard === undefined ? null : { ageMs: this.#clock.monotonicMs() - heard.receivedMs, value: heard.entry.status };
    const scoreString = desired === undefined || mine === undefined ? null : scoreOf(desired, device, asDeploymentName(name)).scoreString;
    return { view: { device, revision: mine?.revision ?? null, status }, scoreString };
  }

  /**
   * Since the last progress: another generation, one device more than ever that runs it, or all
   * that can. Coming and going is none.
   */
  #waitedMs({ uid, generation }: SourceObject & { generation: number }, { devices, running, offline }: DeploymentAggregate): number {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#waiting.get(uid);
    const isReady = running > 0 && running + offline === devices;
    if (known?.generation === generation && running <= known.mostRunning && !isReady) return nowMs - known.sinceMs;
    this.#waiting.set(uid, { generation, mostRunning: running, sinceMs: nowMs });
    return 0;
  }
}

function objectKey({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`;
}
