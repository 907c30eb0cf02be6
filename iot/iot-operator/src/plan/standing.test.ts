// Planning what changed against planning all, in random histories of one fleet: pushes, statuses,
// and what others write into the bucket. Histories of removals compare the same (histories/).

import { asDeploymentName, asDeviceId, type DeviceId, emptyManifest } from "@iot/contracts";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { complete, deployment, gitEvidence, ModelBucket, NOW_MS } from "../../test/model-bucket.ts";
import { PartPlans } from "../../test/part-plans.ts";
import type { CompleteSnapshot } from "../sources/source.ts";
import type { Reported } from "./device-steps.ts";
import { plan, type PlanInput } from "./plan.ts";
import { EMPTY_RECORD } from "./removals/record.ts";
import { type Standing, standingAfter } from "./standing.ts";

const DEVICES = ["d0", "d1", "d2", "d3", "d4"];
const NAMES = ["x", "y", "z"];

interface Deed {
  readonly kind: "push" | "grow" | "take away" | "other's" | "spoil" | "lose a Score" | "report" | "refuse" | "pass";
  readonly name: number;
  readonly devices: number;
  readonly version: number;
}

const someDeed: fc.Arbitrary<Deed> = fc.record({
  kind: fc.constantFrom(
    "push",
    "push",
    "grow",
    "take away",
    "other's",
    "spoil",
    "lose a Score",
    "report",
    "refuse",
    "pass",
    "pass",
    "pass",
  ),
  name: fc.nat(NAMES.length - 1),
  devices: fc.integer({ min: 1, max: 31 }),
  version: fc.nat(2),
});

class Fleet {
  readonly bucket = new ModelBucket();
  readonly parts = new PartPlans();
  readonly #reported = new Map<DeviceId, Reported>();
  readonly #files = new Map<string, { devices: readonly string[]; version: number }>();
  #refused = new Set<string>();

  act({ kind, name, devices, version }: Deed): void {
    const [file = "x", chosen] = [NAMES[name], DEVICES.filter((_, index) => ((devices >> index) & 1) === 1)];
    const device = asDeviceId(chosen[0] ?? "d0");
    const known = this.#files.get(file);
    if (kind === "push") this.#files.set(file, { devices: chosen, version });
    else if (kind === "grow")
      this.#files.set(file, { devices: [...new Set([...(known?.devices ?? []), ...chosen])], version: known?.version ?? 0 });
    else if (kind === "take away") this.#files.delete(file);
    else if (kind === "refuse") this.#refused = new Set(version === 0 ? [file] : []);
    else if (kind === "spoil") this.bucket.spoilManifest(device);
    else if (kind === "pass") this.pass();
    else this.#write(kind, device, file);
  }

  #write(kind: Deed["kind"], device: DeviceId, file: string): void {
    const { manifests, scores } = this.bucket.snapshot();
    const [revision, manifest] = [manifests.get(device)?.revision ?? 0, this.bucket.manifest(device) ?? emptyManifest()];
    if (kind === "report")
      this.#reported.set(device, { manifestRevision: revision, deployments: new Set(Object.keys(manifest.deployments)) });
    if (kind === "lose a Score") this.bucket.putScore(`${device}.${file}`, null, scores.get(`${device}.${file}`)?.revision ?? 0);
    if (kind !== "other's") return;
    const entry = { revision: 1, generation: 1, uid: "theirs", source: "git:theirs", namespace: "default" };
    this.bucket.putManifest(
      device,
      { ...manifest, sources: [...manifest.sources, "git:theirs"], deployments: { ...manifest.deployments, [file]: entry } },
      revision,
    );
  }

  /** One pass of the operator, and what it writes. */
  pass(): void {
    const { record, recordRevision: revision } = this.bucket;
    const planned = this.parts.plan({
      sourceId: "git:ours",
      adopts: new Set(),
      source: this.#read(),
      desired: this.bucket.snapshot(),
      reported: this.#reported,
      removals: { record, revision, nowMs: NOW_MS },
      unclaimed: new Map(),
      abandoned: new Set(),
    });
    this.bucket.apply(planned.steps);
  }

  #read(): CompleteSnapshot {
    const objects = [...this.#files].map(([name, { devices, version }]) =>
      deployment(name, devices, {
        commit: "c",
        generation: version,
        scoreString: `{"type":"PodmanV0","data":{"of":"${name} ${version}"}}`,
      }),
    );
    const isServed = ({ name }: { readonly name: string }): boolean => !this.#refused.has(name);
    const refused = objects.filter((one) => !isServed(one)).map((one) => ({ ...one, reason: "InvalidSpec" as const, message: "wrong" }));
    return complete(objects.filter(isServed), { refused, evidence: gitEvidence("tip", { followed: this.bucket.record.followed }) });
  }
}

test("in random histories a plan of what changed says what a plan of all says, and mostly there is one", () => {
  const sum = { parts: 0, steps: 0, wholes: 0 };
  fc.assert(
    fc.property(fc.array(someDeed, { minLength: 10, maxLength: 60 }), (deeds) => {
      const fleet = new Fleet();
      for (const deed of deeds) fleet.act(deed);
      for (let pass = 0; pass < 4; pass += 1) fleet.pass();
      for (const key of ["parts", "steps", "wholes"] as const) sum[key] += fleet.parts.counts[key];
    }),
    { numRuns: 2_000, seed: 16 },
  );
  expect(sum.parts).toBeGreaterThan(sum.wholes / 4);
  expect(sum.steps).toBeGreaterThan(1_000);
});

describe("of a fleet of 1,000", () => {
  const devices = Array.from({ length: 1_000 }, (_, index) => `d${index}`);
  const all = [deployment("big", devices, { commit: "c" }), deployment("small", ["d7"], { commit: "c" })];
  const settled = (): { standing: Standing; input: Omit<PlanInput, "desired">; bucket: ModelBucket } => {
    const bucket = new ModelBucket();
    const source = complete(all);
    const around = {
      sourceId: "git:ours",
      adopts: new Set<string>(),
      source,
      reported: new Map(),
      unclaimed: new Map(),
      abandoned: new Set<string>(),
    };
    const input = { ...around, removals: { record: EMPTY_RECORD, revision: 0, nowMs: NOW_MS } };
    bucket.apply(plan({ ...input, desired: bucket.snapshot() }).steps.filter(({ kind }) => kind !== "put-record"));
    const desired = bucket.snapshot();
    const planned = plan({ ...input, desired });
    const standing = standingAfter({ ...planned, steps: [] }, { source, desired, adopts: "" });
    if (standing === null) throw new Error("it is not ordinary");
    return { standing, input, bucket };
  };
  const looked = (edit: Partial<Omit<PlanInput, "desired">>, dirty: readonly string[] = []): { at: string[] | null; steps: number } => {
    const { standing, input, bucket } = settled();
    let at: string[] | null = null;
    const observe = (wanted: ReadonlySet<DeviceId>): ReturnType<ModelBucket["snapshot"]> => {
      at = [...wanted];
      const { manifests, scores, foreignKeys } = bucket.snapshot();
      return { manifests: new Map([...manifests].filter(([device]) => wanted.has(device))), scores, foreignKeys };
    };
    const part = standing.planPart({ ...input, ...edit, dirty: new Set(dirty.map(asDeviceId)), observe });
    return { at: part === null ? null : at, steps: part?.planned.steps.filter(({ kind }) => kind !== "put-record").length ?? 0 };
  };

  test("another commit that changes nothing looks at no device", () => {
    expect(looked({ source: complete([...all]) })).toEqual({ at: [], steps: 0 });
  });

  test("a device that nobody knows is looked at alone", () => {
    expect(looked({}, ["stranger"])).toEqual({ at: ["stranger"], steps: 0 });
  });

  test("a change to one device looks at that one", () => {
    const changed = deployment("small", ["d7"], { commit: "c", scoreString: `{"type":"PodmanV0","data":{}}` });
    expect(looked({ source: complete([...all.slice(0, 1), changed]) })).toEqual({ at: ["d7"], steps: 2 });
  });

  test("a device that joins a list of 1,000 is looked at alone", () => {
    const grown = deployment("big", [...devices, "new"], { commit: "c" });
    expect(looked({ source: complete([grown, ...all.slice(1)]) })).toEqual({ at: ["new"], steps: 2 });
  });

  test("a removal, a full store, a name of two or a person's word looks at all", () => {
    expect(looked({ source: complete(all.slice(0, 1)) }).at).toBeNull();
    expect(looked({ isStoreFull: true }).at).toBeNull();
    expect(looked({ source: complete([...all, deployment("small", ["d7"], { namespace: "other", commit: "c" })]) }).at).toBeNull();
    expect(looked({ adopts: new Set(["git:theirs"]) }).at).toBeNull();
  });

  test("while something is held or lost, a change looks at its own devices and at theirs", () => {
    const left = { name: asDeploymentName("gone"), namespace: "default", uid: "gone", why: "it was deleted" };
    const held = [{ ...left, device: asDeviceId("d1"), atMs: NOW_MS, how: "edit" as const }];
    const lost = [{ ...left, device: asDeviceId("d2"), reason: "NotSeenDeleted" }];
    const changed = deployment("small", ["d7"], { commit: "c", scoreString: `{"type":"PodmanV0","data":{}}` });
    const source = complete([...all.slice(0, 1), changed], { evidence: gitEvidence("tip", { followed: null }) });
    const removals = { record: { ...EMPTY_RECORD, held, lost }, revision: 1, nowMs: NOW_MS };
    expect(looked({ source, removals })).toEqual({ at: ["d7", "d1", "d2"], steps: 2 });
    expect(looked({ source: { ...source, evidence: null }, removals }).at).toBeNull();
  });

  test("a change to most devices plans all, which costs less", () => {
    const changed = deployment("big", devices, { commit: "c", scoreString: `{"type":"PodmanV0","data":{}}` });
    expect(looked({ source: complete([changed, ...all.slice(1)]) }).at).toBeNull();
  });
});
