// The world of a history: a source, the buckets, two operators that may be killed anywhere, and
// devices that may be away. The operators are the real planner with a model of the writing; each
// deed of theirs is one small step, so that any other may come in between.

import { asDeviceId, type DeviceStatus, type Manifest, type ManifestEntry } from "@iot/contracts";
import type { Reported } from "../../src/plan/device-steps.ts";
import { type DesiredStatePlan, plan } from "../../src/plan/plan.ts";
import type { RemovalRecord, RemovedEntry } from "../../src/plan/removals/record.ts";
import { isDeviceStep, type Step } from "../../src/plan/steps.ts";
import type { CompleteSnapshot } from "../../src/sources/source.ts";
import { ModelBucket, NOW_MS } from "../model-bucket.ts";
import { type Cluster, clusterSnapshot, type Listed } from "./cluster.ts";
import { Oracle } from "./oracle.ts";
import type { Repository } from "./repository.ts";

export type Origin = { readonly kind: "git"; readonly repository: Repository } | { readonly kind: "kubernetes"; readonly cluster: Cluster };

export const DEVICES = Array.from({ length: 6 }, (_, index) => `d${index}`);

interface Observed {
  readonly desired: ReturnType<ModelBucket["snapshot"]>;
  readonly record: RemovalRecord;
  readonly revision: number;
  readonly nowMs: number;
}

/** What an operator is about to do next. */
type Doing =
  | { readonly at: "start" }
  | { readonly at: "observed"; readonly observed: Observed }
  | { readonly at: "listed"; readonly observed: Observed; readonly listed: Listed; readonly licences: ReadonlySet<string> }
  | Applying;

interface Applying {
  readonly at: "applying";
  readonly observed: Observed;
  readonly steps: readonly Step[];
  /** Devices where somebody else had written. */
  readonly lost: Set<string>;
  /** What might go when the source was read: it may be asked for again since. */
  readonly planned: ReadonlySet<string>;
}

interface Device {
  isAway: boolean;
  /** What it runs, and when it took it. */
  readonly runs: Map<string, { entry: ManifestEntry; takenAt: number }>;
  manifestRevision: number | null;
}

export class World {
  readonly bucket = new ModelBucket();
  readonly oracle = new Oracle();
  readonly origin: Origin;
  nowMs: number = NOW_MS;
  readonly #operators: Doing[] = [{ at: "start" }, { at: "start" }];
  readonly #devices = new Map<string, Device>(
    DEVICES.map((device) => [device, { isAway: false, runs: new Map(), manifestRevision: null }]),
  );
  readonly #reported = new Map<ReturnType<typeof asDeviceId>, Reported>();
  readonly #copies: (() => void)[] = [];

  constructor(origin: Origin) {
    this.origin = origin;
  }

  kill(which: number): void {
    this.#operators[which] = { at: "start" };
  }

  /** One small step of an operator. Whether there was anything to do. */
  operate(which: number): boolean {
    const doing = this.#operators[which] ?? { at: "start" };
    const next = this.#next(doing);
    this.#operators[which] = next ?? { at: "start" };
    return next !== null;
  }

  #next(doing: Doing): Doing | null {
    switch (doing.at) {
      case "start": {
        this.nowMs += 1;
        const { record, recordRevision: revision } = this.bucket;
        return { at: "observed", observed: { desired: this.bucket.snapshot(), record, revision, nowMs: this.nowMs } };
      }
      case "observed": {
        if (this.origin.kind === "kubernetes") {
          const listed = this.origin.cluster.list();
          return listed === null ? null : { at: "listed", observed: doing.observed, listed, licences: this.oracle.licences };
        }
        const snapshot = this.origin.repository.read(doing.observed.record.followed);
        return snapshot.kind === "unreadable" ? null : this.#planned(doing.observed, snapshot, this.oracle.licences);
      }
      case "listed": {
        if (this.origin.kind !== "kubernetes") return null;
        const around = this.origin.cluster.around(doing.listed.deleting);
        return this.#planned(doing.observed, clusterSnapshot(doing.listed, around), doing.licences);
      }
      case "applying":
        return this.#applied(doing);
    }
  }

  #planned(observed: Observed, source: CompleteSnapshot, planned: ReadonlySet<string>): Doing | null {
    const { steps } = this.planOf(observed, source);
    return steps.length === 0 ? null : { at: "applying", observed, steps, lost: new Set(), planned };
  }

  planOf(observed: Observed, source: CompleteSnapshot): DesiredStatePlan {
    return plan({
      sourceId: "git:ours",
      adopts: new Set(),
      source,
      desired: observed.desired,
      reported: this.#reported,
      removals: observed,
      unclaimed: new Map(),
      abandoned: new Set(),
    });
  }

  /**
   * Does as apply.ts: without the record nothing is done, and on a conflict a device is left alone.
   */
  #applied(doing: Applying): Doing | null {
    const { lost, planned } = doing;
    const [step, ...rest] = doing.steps;
    const next: Applying = { ...doing, steps: rest };
    if (step === undefined) return { at: "start" };
    if (step.kind === "put-record") {
      const before = this.bucket.record.followed;
      if (!this.bucket.putRecord(step.record, step.expectedRevision).ok) return { at: "start" };
      this.oracle.recordWritten(this.#due());
      this.#followed(before, step.record.followed);
      return { ...next, planned: new Set([...planned, ...this.oracle.licences]) };
    }
    if (!isDeviceStep(step)) {
      if (this.origin.kind === "kubernetes") this.origin.cluster.carryOut(step);
      return next;
    }
    if (lost.has(step.device)) return next;
    const own = [step, ...rest.filter((each) => isDeviceStep(each) && each.device === step.device)].filter(isDeviceStep);
    // A device's writes together: where they are cut is tried by apply's own tests and by plan's.
    const before = this.bucket.manifest(step.device) ?? null;
    const results = this.bucket.apply(step.kind === "put-score" ? own : [step]);
    const after = this.bucket.manifest(step.device);
    if (after !== undefined && after !== before) {
      this.oracle.manifestWritten(step.device, { before, after, planned });
    }
    if (results.some(({ ok }) => !ok)) lost.add(step.device);
    if (step.kind !== "put-score") return next;
    return { ...next, steps: rest.filter((each) => !isDeviceStep(each) || each.device !== step.device) };
  }

  #followed(before: string | null, after: string | null): void {
    if (this.origin.kind !== "git" || before === after) return;
    const tip = this.origin.repository.byId(after);
    if (tip !== null) this.oracle.followed(this.origin.repository.byId(before), tip);
  }

  /** It is asked for again. */
  revoke(entry: { readonly device: string; readonly namespace: string; readonly name: string; readonly uid: string }): void {
    this.oracle.revoke(entry, this.#due());
  }

  #due(): readonly RemovedEntry[] {
    return this.bucket.record.removed.filter(({ due }) => due);
  }

  setAway(which: number, isAway: boolean): void {
    const device = this.#devices.get(DEVICES[which % DEVICES.length] ?? "");
    if (device !== undefined) device.isAway = isAway;
  }

  /** What each device that is there makes of its manifest, and says after. */
  devicesLook(): void {
    for (const [id, device] of this.#devices) {
      const found = this.bucket.snapshot().manifests.get(asDeviceId(id));
      if (device.isAway || found === undefined || !found.manifest.ok) continue;
      this.#take(id, device, found.manifest.value);
      device.manifestRevision = found.revision;
      const deployments: ReadonlySet<keyof DeviceStatus["deployments"]> = new Set(device.runs.keys());
      this.#reported.set(asDeviceId(id), { manifestRevision: found.revision, deployments });
    }
  }

  #take(id: string, device: Device, { deployments, removed = {} }: Manifest): void {
    for (const [name, { entry, takenAt }] of device.runs) {
      const { uid, generation = 0 } = removed[name] ?? {};
      // The agent judges a mark like this.
      if (deployments[name]?.namespace === entry.namespace || uid !== entry.uid || generation < entry.generation) continue;
      // Where a branch was forced generations repeat: docs/removal.md says so.
      this.oracle.dropped({ ...entry, device: id, name }, takenAt);
      device.runs.delete(name);
    }
    for (const [name, entry] of Object.entries(deployments)) {
      // The one that has the name goes first.
      if ((device.runs.get(name)?.entry.namespace ?? entry.namespace) !== entry.namespace) continue;
      device.runs.set(name, { entry, takenAt: this.oracle.tick });
    }
  }

  runsOn(device: string): readonly string[] {
    return [...(this.#devices.get(device)?.runs.keys() ?? [])];
  }

  backUpStore(): void {
    const [store, oracle] = [this.bucket.copy(), this.oracle.copy()];
    this.#copies.push(() => {
      store();
      oracle();
    });
  }

  restoreStore(which: number): void {
    this.#copies[which % Math.max(1, this.#copies.length)]?.();
    // What an operator had observed is refused by its revisions, or was the same.
    this.kill(0);
    this.kill(1);
  }

  /**
   * Until an operator finds nothing to do and nothing to wait for, and all devices have seen it.
   */
  rest(): void {
    this.kill(0);
    this.kill(1);
    for (let quiet = 0; quiet < 3; quiet += 1) {
      for (let step = 0; step < 2_000 && this.#work(); step += 1) quiet = 0;
      this.nowMs += 65_000;
      this.devicesLook();
    }
  }

  /** One pass of the first operator; whether it did anything. */
  #work(): boolean {
    let did = false;
    for (let step = 0; step < 500 && this.operate(0); step += 1) did ||= this.#operators[0]?.at === "applying";
    return did;
  }

  /** One pass, without waiting for anything after it. */
  pass(): void {
    for (let pass = 0; pass < 10 && this.#work(); pass += 1);
  }
}
