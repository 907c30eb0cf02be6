// A history: deeds of people, of the world and of operators in any order, and then rest. What must
// hold after each is the oracle's to say; what must hold at rest is here: what nobody asks for any
// more is gone, or stands named in the record; and what is deleted by its name goes at once.

import * as fc from "fast-check";
import { confirm, keep } from "../../src/plan/removals/consent.ts";
import { objectOf, tokenOf } from "../../src/plan/removals/record.ts";
import { Cluster, type ClusterObject } from "./cluster.ts";
import { type Commit, Repository } from "./repository.ts";
import { DEVICES, type Origin, World } from "./world.ts";

const NAMESPACES = ["a", "b"];
const NAMES = ["x", "y", "z"];

const COMMON = [
  ["operate", 30],
  ["kill", 2],
  ["wait", 6],
  ["devices", 4],
  ["away", 2],
  ["confirm", 1],
  ["keep", 1],
  ["back up store", 1],
  ["restore store", 1],
] as const;
const CLUSTER = [
  ["apply", 10],
  ["delete", 5],
  ["delete all", 1],
  ["mark namespace", 1],
  ["mark crd", 1],
  ["collect", 4],
  ["put crd", 2],
  ["strip", 1],
  ["back up", 1],
  ["restore", 1],
  ["annotate", 2],
] as const;
const GIT = [
  ["push", 12],
  ["unreadable", 1],
  ["refused", 1],
  ["force", 2],
  ["trailer", 2],
  ["empty", 1],
] as const;

export interface Deed {
  readonly kind: (typeof COMMON | typeof CLUSTER | typeof GIT)[number][0];
  readonly a: number;
  readonly b: number;
}

export interface History {
  readonly source: Origin["kind"];
  readonly deeds: readonly Deed[];
}

function deeds(kinds: readonly (readonly [Deed["kind"], number])[]): fc.Arbitrary<Deed[]> {
  const kind = fc.oneof(...kinds.map(([name, weight]) => ({ weight, arbitrary: fc.constant(name) })));
  return fc.array(fc.record({ kind, a: fc.nat(63), b: fc.nat(63) }), { maxLength: 60, size: "max" });
}

export const someHistory: fc.Arbitrary<History> = fc.oneof(
  deeds([...COMMON, ...CLUSTER]).map((all): History => ({ source: "kubernetes", deeds: all })),
  deeds([...COMMON, ...GIT]).map((all): History => ({ source: "git", deeds: all })),
);

/** @throws when something left without a deletion or a consent, or stayed and is not named. */
export function live({ source, deeds: all }: History): void {
  const world = new World(
    source === "git" ? { kind: "git", repository: new Repository() } : { kind: "kubernetes", cluster: new Cluster() },
  );
  for (const deed of all) act(world, deed);
  for (const index of DEVICES.keys()) world.setAway(index, false);
  world.rest();
  expectNamed(world);
  if (world.origin.kind === "kubernetes") expectDeletedByName(world, world.origin.cluster);
}

/** A subset of the devices. */
const chosen = (bits: number): string[] => DEVICES.filter((_, index) => ((bits >> index) & 1) === 1);
const pick = <Of>(list: readonly Of[], index: number): Of | undefined => list[index % Math.max(1, list.length)];

function act(world: World, deed: Deed): void {
  const { kind, a, b } = deed;
  switch (kind) {
    case "operate":
      for (let step = 0; step <= b % 12; step += 1) world.operate(a % 2);
      return;
    case "kill":
      return world.kill(a % 2);
    case "wait":
      world.nowMs += [100, 700, 3_000, 31_000, 61_000, 600_000][a % 6] ?? 0;
      return;
    case "devices":
      return world.devicesLook();
    case "away":
      return world.setAway(a, b % 2 === 0);
    case "confirm":
    case "keep":
      return say(world, kind, a);
    case "back up store":
      return world.backUpStore();
    case "restore store":
      return world.restoreStore(a);
    default:
      if (world.origin.kind === "git") actOnRepository(world.origin.repository, deed);
      else actOnCluster(world, world.origin.cluster, deed);
  }
}

function say(world: World, kind: "confirm" | "keep", a: number): void {
  const { record, recordRevision } = world.bucket;
  const lists = [record.held, record.lost].filter((list) => list.length > 0);
  const list = pick(lists, a) ?? [];
  const some = list[0] === undefined ? [] : list.filter((entry) => a % 3 === 0 || objectOf(entry) === objectOf(list[0] ?? entry));
  const consent =
    kind === "confirm" ? confirm(record, tokenOf(some), { nowMs: world.nowMs, by: "ann" }) : keep(record, { name: pick(NAMES, a) }, "ann");
  if (consent === null || !world.bucket.putRecord(consent.record, recordRevision).ok) return;
  if (kind === "confirm") for (const entry of consent.entries) world.oracle.allow(entry);
}

function actOnCluster(world: World, cluster: Cluster, { kind, a, b }: Deed): void {
  const object = pick(cluster.objects, a);
  switch (kind) {
    case "apply": {
      const [namespace = "a", name = "x"] = [pick(NAMESPACES, a), pick(NAMES, a >> 1)];
      const before = cluster.find(namespace, name)?.targets ?? [];
      const applied = cluster.apply(namespace, name, chosen(b));
      if (applied === null) return;
      for (const device of before) if (!applied.targets.includes(device)) world.oracle.allow({ device, ...applied });
      for (const device of applied.targets) world.revoke({ device, ...applied });
      return;
    }
    case "delete":
    case "delete all":
      for (const each of kind === "delete" ? [object] : [...cluster.objects]) {
        if (each === undefined) continue;
        if (cluster.isStanding(each) || cluster.isCollective(each)) allowAll(world, each);
        cluster.delete(each);
      }
      return;
    case "mark namespace":
      return cluster.markNamespace(pick(NAMESPACES, a) ?? "a");
    case "mark crd":
      return cluster.markCrd();
    case "collect":
      for (const each of cluster.collect()) if (cluster.isCollective(each)) allowAll(world, each);
      return;
    case "put crd":
      return cluster.putCrd();
    case "strip":
      if (object !== undefined) cluster.strip(object);
      return;
    case "back up":
      return cluster.backUp();
    case "restore":
      cluster.restore(a);
      for (const each of cluster.objects) for (const device of each.isDeleting ? [] : each.targets) world.revoke({ device, ...each });
      return allowEdits(world, cluster);
    case "annotate":
      return annotate(world, object, b);
    default:
  }
}

/** What a restored cluster does not ask for, at a generation that no manifest has yet. */
function allowEdits(world: World, cluster: Cluster): void {
  const objects = new Map(cluster.objects.filter(({ isDeleting }) => !isDeleting).map((object) => [object.uid, object]));
  for (const [device, { manifest }] of world.bucket.snapshot().manifests) {
    for (const { uid, generation } of manifest.ok ? Object.values(manifest.value.deployments) : []) {
      const object = objects.get(uid);
      if (object === undefined || object.targets.includes(device) || object.generation <= generation) continue;
      world.oracle.allow({ device, ...object });
    }
  }
}

/** Allows it on every device: the operator alone knows which of them have it. */
function allowAll(world: World, { namespace, name, uid }: ClusterObject): void {
  for (const device of DEVICES) world.oracle.allow({ device, namespace, name, uid });
}

function annotate(world: World, object: ClusterObject | undefined, b: number): void {
  if (object === undefined) return;
  if (b % 2 === 0) {
    object.keeps = true;
    return;
  }
  const { held, lost } = world.bucket.record;
  const own = pick(
    [held, lost].filter((list) => list.some((entry) => objectOf(entry) === objectOf(object))),
    b >> 1,
  );
  if (own === undefined) return;
  const some = own.filter((entry) => objectOf(entry) === objectOf(object));
  object.confirms = tokenOf(some);
  for (const entry of some) world.oracle.allow(entry);
}

function actOnRepository(repository: Repository, { kind, a, b }: Deed): void {
  const { tip } = repository;
  const parent: Commit = kind === "force" ? (pick(repository.commits, b) ?? tip) : tip;
  const content = new Map(parent.content);
  const object = `${pick(NAMESPACES, a) ?? "a"}/${pick(NAMES, a >> 1) ?? "x"}`;
  const targets = chosen(b);
  if (kind === "empty") content.clear();
  else if (targets.length === 0 || kind === "trailer") content.delete(object);
  else content.set(object, targets);
  repository.commit(parent, kind === "force" && a % 2 === 0 ? parent.content : content, {
    isReadable: kind !== "unreadable",
    isRefused: kind === "refused",
    trailers: kind === "trailer" ? [object] : [],
  });
}

/**
 * What the source does not ask for is gone from manifests and devices, or stands in the record
 * where people look.
 */
function expectNamed({ bucket, origin }: World): void {
  const { held, lost } = bucket.record;
  const named = new Set([...held, ...lost].map(({ device, namespace, name }) => `${device}/${namespace}/${name}`));
  const wanted = wantedBy(origin);
  if (wanted === null) return;
  for (const [device, { manifest }] of bucket.snapshot().manifests) {
    for (const [name, { namespace }] of Object.entries(manifest.ok ? manifest.value.deployments : {})) {
      const line = `${device}/${namespace}/${name}`;
      if (!wanted.has(line) && !named.has(line)) throw new Error(`${line} stays, and is named nowhere`);
    }
  }
}

/** null: the source gives nothing to go by. */
function wantedBy(origin: Origin): ReadonlySet<string> | null {
  if (origin.kind === "git") {
    const { tip } = origin.repository;
    if (tip.isRefused) return null;
    return new Set([...tip.content].flatMap(([object, targets]) => targets.map((device) => `${device}/${object}`)));
  }
  if (origin.cluster.list() === null) return null;
  const live = origin.cluster.objects.filter(({ isDeleting }) => !isDeleting);
  return new Set(live.flatMap(({ namespace, name, targets }) => targets.map((device) => `${device}/${namespace}/${name}`)));
}

/**
 * In a world that is at rest, one of which nothing is held or kept and that is deleted by its name
 * is gone after 0.7 s, on the devices and itself.
 */
function expectDeletedByName(world: World, cluster: Cluster): void {
  const { held, lost } = world.bucket.record;
  // A person's word holds also when a restored cluster has the object again, without its
  // annotation.
  const stays = new Set([...held, ...lost.filter(({ reason }) => reason === "Kept")].map(({ uid }) => uid));
  const isFree = (each: ClusterObject): boolean => !each.isDeleting && each.isClaimed && !each.keeps && !stays.has(each.uid);
  const object = cluster.objects.find((each) => isFree(each) && cluster.isStanding(each));
  if (object === undefined) return;
  world.nowMs += 700_000;
  allowAll(world, object);
  cluster.delete(object);
  world.pass();
  world.nowMs += 700;
  world.pass();
  world.devicesLook();
  world.pass();
  if (cluster.objects.includes(object)) throw new Error(`${objectOf(object)} was deleted by its name, and is still there`);
  for (const [device, { manifest }] of world.bucket.snapshot().manifests) {
    if (manifest.ok && Object.values(manifest.value.deployments).some(({ uid }) => uid === object.uid))
      throw new Error(`${objectOf(object)} was deleted by its name, and ${device} is still to run it`);
  }
}
