// What becomes of the entries that the source no longer asks for: each goes, waits, is held or is
// lost, and the record that has to be written before the first of them goes. Pure: the time is
// handed in. What was judged once is not judged again: an entry that the record calls due goes
// whoever finds it, so that an operator may be killed between any two writes. An entry that is
// asked for again leaves every list.

import type { CompleteSnapshot } from "../../sources/source.ts";
import { classifier, type Finding, type ManifestedEntry } from "./classify.ts";
import { byTokens } from "./consent.ts";
import { type Deletion, gatheringEndsMs, judge } from "./judge.ts";
import {
  type Entry,
  fitting,
  type Gathering,
  type HeldEntry,
  isFullOfHeld,
  isSame,
  keyOf,
  type LostEntry,
  objectOf,
  recentlyRemoved,
  type RemovalRecord,
  type RemovedEntry,
  tokenOf,
} from "./record.ts";

export type Verdict =
  | { readonly kind: "goes"; readonly why: string }
  /** Soon it is known. */
  | { readonly kind: "waits"; readonly why: string }
  | { readonly kind: "held"; readonly why: string }
  | { readonly kind: "lost"; readonly why: string };

export interface RemovalsInput {
  readonly source: CompleteSnapshot;
  /** This source's entries in all manifests. */
  readonly entries: readonly ManifestedEntry[];
  readonly record: RemovalRecord;
  /** By the server's clock. */
  readonly nowMs: number;
}

export interface RemovalsPlan {
  /** By `keyOf`, of the entries that the source no longer asks for. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  /** The record as it is to be, before anything goes. */
  readonly record: RemovalRecord;
  readonly isRecordChanged: boolean;
  /** What the source showed is not all: it is to be read again. */
  readonly isUndecided: boolean;
  readonly recheckAfterMs: number | null;
}

/** What cannot be reported is looked at again. */
const UNKNOWN_AGAIN_MS = 5_000;

export function planRemovals(input: RemovalsInput): RemovalsPlan {
  const { source, entries, nowMs } = input;
  const asksFor = askedFor(source);
  const record = withoutWanted(input.record, asksFor);
  const leaving = entries.filter((entry) => !asksFor(entry));
  const sorted = sortOut(leaving, record, classifier(source, record));
  const consented = consentedTo(sorted, source, record.followed);
  const isConsented = new Set(consented.map(keyOf));
  const held = sorted.held.filter((entry) => !isConsented.has(keyOf(entry)));
  const lost = sorted.lost.filter((entry) => !isConsented.has(keyOf(entry)));
  const found = sorted.seen.filter((entry) => !isConsented.has(keyOf(entry)));
  // A full record has only the count of what was held before.
  const [seen, beyond] = isFullOfHeld(record) ? [[], found] : [found, []];
  const gathering = gatheringOf(seen, source, record, nowMs);
  const endsMs = gathering === null ? nowMs : gatheringEndsMs(gathering, seen, recentlyRemoved(record, nowMs));
  const isJudged = seen.length > 0 && endsMs <= nowMs;
  const judgement = isJudged ? judgementOf({ ...input, record }, seen) : null;
  const gone: RemovedEntry[] = [
    ...consented.map((entry) => ({ ...plain(entry), atMs: nowMs, how: "consent" as const, counted: false, due: true, why: entry.consent })),
    ...(judgement?.kind === "goes" ? seen.map((entry) => ({ ...entry, atMs: nowMs, counted: judgement.counted, due: true })) : []),
  ];
  const next: RemovalRecord = {
    followed: followedAfter(source, record),
    removed: [...record.removed, ...gone],
    held: [...held, ...[...beyond, ...(judgement?.kind === "held" ? seen : [])].map((entry): HeldEntry => ({ ...entry, atMs: nowMs }))],
    lost,
    gathering: isJudged ? null : gathering,
    more: 0,
  };
  const written = fitting(pruned(next, leaving, nowMs), input.record);
  // A time that has passed is no news, unless others wait for the room.
  const news = record.more > 0 ? written : fitting(next, input.record);
  // A commit that is not followed leaves the last one that this operator knew: the record says
  // whether another has followed a later one meanwhile, which may ask for what is due.
  const isOlder = source.authoritative === false && sorted.due.length > 0;
  const isWritten = new Set<Entry>(written.removed);
  const due = [...sorted.due, ...gone.filter((entry) => isWritten.has(entry))];
  const unwritten = gone.filter((entry) => !isWritten.has(entry)).map((entry) => ({ ...entry, why: `${entry.why}; many others go first` }));
  const waiting = isJudged ? [] : seen.map((entry) => ({ ...entry, why: `${entry.why}, and others may follow` }));
  return {
    verdicts: verdictsOf({ due, held: next.held, lost, waiting: [...waiting, ...unwritten, ...sorted.unknown] }),
    record: written,
    isRecordChanged: isOlder || !isSameRecord(input.record, news),
    isUndecided: sorted.unknown.length > 0,
    recheckAfterMs: waiting.length > 0 ? Math.max(0, endsMs - nowMs) : sorted.unknown.length > 0 ? UNKNOWN_AGAIN_MS : null,
  };
}

/**
 * What the source asks for, or has an object of that cannot be served: its entries stay, all of
 * them.
 */
function askedFor({ deployments, refused }: CompleteSnapshot): (entry: Entry) => boolean {
  const targets = new Map<string, ReadonlySet<string> | null>(refused.map((object) => [objectOf(object), null]));
  for (const deployment of deployments) {
    targets.set(objectOf(deployment), deployment.isClaimed === false ? null : new Set(deployment.targetDevices));
  }
  return (entry) => {
    const devices = targets.get(objectOf(entry));
    return devices === null || devices?.has(entry.device) === true;
  };
}

/** An entry that is asked for is not due any more: the next time that it leaves is another. */
function withoutWanted(record: RemovalRecord, asksFor: (entry: Entry) => boolean): RemovalRecord {
  return {
    ...record,
    removed: record.removed.map((entry) => (entry.due && asksFor(entry) ? { ...entry, due: false } : entry)),
    held: record.held.filter((entry) => !asksFor(entry)),
  };
}

interface Sorted {
  readonly due: RemovedEntry[];
  readonly held: HeldEntry[];
  readonly lost: LostEntry[];
  readonly seen: Deletion[];
  readonly unknown: (Entry & { readonly why: string })[];
}

function sortOut(leaving: readonly ManifestedEntry[], record: RemovalRecord, find: (entry: ManifestedEntry) => Finding): Sorted {
  const due = new Map(record.removed.filter((entry) => entry.due).map((entry) => [keyOf(entry), entry]));
  const held = new Map(record.held.map((entry) => [keyOf(entry), entry]));
  const sorted: Sorted = { due: [], held: [], lost: [], seen: [], unknown: [] };
  for (const entry of leaving) {
    const [isDue, isHeld] = [due.get(keyOf(entry)), held.get(keyOf(entry))];
    if (isDue !== undefined && isSame(isDue, entry)) {
      sorted.due.push(isDue);
      continue;
    }
    const finding = find(entry);
    const of = plain(entry);
    // What is held stays held when its object is gone, but not when a person says that it is to be
    // kept.
    if (isHeld !== undefined && isSame(isHeld, entry) && !(finding.kind === "lost" && finding.reason === "Kept")) sorted.held.push(isHeld);
    else if (finding.kind === "deleted") sorted.seen.push({ ...of, how: finding.how, why: finding.why });
    else if (finding.kind === "lost") sorted.lost.push({ ...of, reason: finding.reason, why: finding.why });
    else sorted.unknown.push({ ...of, why: finding.why });
  }
  return sorted;
}

/** By a token in an annotation, or by the name in a commit that is followed now. */
function consentedTo(
  { held, lost, seen }: Sorted,
  source: CompleteSnapshot,
  followed: string | null,
): (Entry & { readonly consent: string })[] {
  const consented = new Map<string, Entry & { readonly consent: string }>();
  for (const { confirms, namespace, name } of [...source.deployments, ...source.deleting]) {
    if (confirms === undefined) continue;
    const consent = `confirmed by the annotation of ${namespace}/${name}`;
    for (const entry of byTokens([held, lost], confirms)) consented.set(keyOf(entry), { ...entry, consent });
  }
  const { evidence } = source;
  if (evidence?.kind !== "git" || evidence.followed !== followed || evidence.consents.size === 0) return [...consented.values()];
  const consent = `confirmed by a trailer Iot-Removes up to commit ${evidence.tip.slice(0, 10)}`;
  for (const entry of [...held, ...lost, ...seen]) {
    if (evidence.consents.has(objectOf(entry))) consented.set(keyOf(entry), { ...entry, consent });
  }
  return [...consented.values()];
}

/** A commit is complete in itself, and waits for nothing. */
function gatheringOf(seen: readonly Deletion[], source: CompleteSnapshot, record: RemovalRecord, nowMs: number): Gathering | null {
  if (seen.length === 0 || source.evidence?.kind === "git") return null;
  const of = tokenOf(seen);
  const { gathering } = record;
  if (gathering === null || gathering.sinceMs > nowMs) return { sinceMs: nowMs, lastMs: nowMs, of };
  return gathering.of === of ? gathering : { ...gathering, lastMs: nowMs, of };
}

function judgementOf({ source, entries, record, nowMs }: RemovalsInput, gathered: readonly Deletion[]): ReturnType<typeof judge> {
  const targets = source.deployments.reduce((sum, { targetDevices }) => sum + targetDevices.length, 0);
  const recent = recentlyRemoved(record, nowMs);
  return judge({ gathered, recent, standing: entries.length, wanted: targets + source.refused.length });
}

function followedAfter({ evidence, version }: CompleteSnapshot, { followed }: RemovalRecord): string | null {
  if (evidence?.kind !== "git") return followed;
  return evidence.followed === followed && evidence.tip === version ? evidence.tip : followed;
}

function verdictsOf(of: {
  readonly due: readonly RemovedEntry[];
  readonly held: readonly HeldEntry[];
  readonly lost: readonly LostEntry[];
  readonly waiting: readonly (Entry & { readonly why: string })[];
}): Map<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  for (const entry of of.due) verdicts.set(keyOf(entry), { kind: "goes", why: entry.why });
  for (const entry of of.held) verdicts.set(keyOf(entry), { kind: "held", why: entry.why });
  for (const entry of of.lost) verdicts.set(keyOf(entry), { kind: "lost", why: entry.why });
  for (const entry of of.waiting) verdicts.set(keyOf(entry), { kind: "waits", why: entry.why });
  return verdicts;
}

/** What is older than it counts is left out, unless a manifest may have it still. */
function pruned(record: RemovalRecord, leaving: readonly ManifestedEntry[], nowMs: number): RemovalRecord {
  const stands = new Set(leaving.map(keyOf));
  const recent = new Set(recentlyRemoved(record, nowMs));
  return { ...record, removed: record.removed.filter((entry) => recent.has(entry) || (entry.due && stands.has(keyOf(entry)))) };
}

function isSameRecord(a: RemovalRecord, b: RemovalRecord): boolean {
  const text = ({ followed, removed, held, lost, gathering, more }: RemovalRecord): string =>
    JSON.stringify([
      followed,
      gathering,
      more,
      ...[removed, held, lost].map((entries) => entries.map((entry) => lineOf(entry)).toSorted()),
    ]);
  return text(a) === text(b);
}

/** Without what follows from the rest. */
function lineOf(entry: RemovedEntry | HeldEntry | LostEntry): string {
  const { device, name, namespace, uid } = entry;
  return JSON.stringify([
    device,
    name,
    namespace,
    uid,
    "due" in entry ? [entry.due, entry.atMs] : "reason" in entry ? entry.reason : entry.atMs,
  ]);
}

function plain({ device, name, namespace, uid }: Entry): Entry {
  return { device, name, namespace, uid };
}
