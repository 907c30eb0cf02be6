// What should be on this device: follows its manifest and the Scores that the manifest names, keeps
// them on disk, and says which deployment changed. The workers do something about it. The rules of
// removal are in take-manifest.ts. What cannot be read changes nothing here but what is reported of
// it.

import { EventEmitter } from "node:events";
import type { Workload } from "@harmony/core";
import { backoffMs, errorText, KeyedQueue, type Log, systemClock } from "@harmony/runtime";
import { asDeploymentName, type DeploymentName, type DeviceId, type Manifest, type ManifestEntry } from "@iot/contracts";
import { type DeviceReader, ManifestJudge, type ManifestVersion } from "@iot/messaging/device";
import type { Problems } from "./problems.ts";
import { forget, remember, removedBefore, type RemovedNames } from "./removed-before.ts";
import { type DeploymentRecord, isNotNamed, type StateStore } from "./state-store.ts";
import { unlistedWorkloads, type Records, takeManifest } from "./take-manifest.ts";
import type { Handling } from "../systemd/watchdog.ts";
import type { ReadReason, Reason } from "./reasons.ts";
import { noManifest, scoreNotAtRevision, staleManifest, stateNotSaved, wasRemovedBefore } from "./sentences.ts";

/**
 * Notices and reconnects come sooner. This finds a notice that was lost while the connection was
 * not. Each reading costs a metered link 500 bytes.
 */
const REREAD_MS = 15 * 60_000;
const RETRY = { baseMs: 500, maxMs: 30_000 };
const FETCHES_AT_ONCE = 8;
/** Longer than the agent waits for any answer of NATS or of the disk. */
const READ_LIMIT_MS = 10 * 60_000;
/** A full disk has room again when a person has made some. */
const SAVE_AGAIN_MS = 10_000;

/** Why a deployment's Score is not in hand at the revision that the manifest names. */
export interface ScoreTrouble {
  readonly phase: "Pending" | "Rejected";
  readonly reason: Reason | ReadReason;
  readonly message: string;
}

/** A revision that a manifest names and whose Score is to be read. */
export interface NamedRevision {
  readonly entry: ManifestEntry;
  /** The server's stamp of the manifest. */
  readonly writtenAt: string;
  /** Since when the manifest was read, by the monotonic clock: the notice has come. */
  readonly readSinceMs: number;
}

export interface DesiredStateOptions {
  readonly device: DeviceId;
  readonly store: StateStore;
  readonly problems: Problems;
  readonly log: Log;
}

export class DesiredState {
  /**
   * What should be of a deployment changed. `isOutOfDate`: what is being done for it is known to be
   * out of date.
   */
  readonly events = new EventEmitter<{
    changed: [name: DeploymentName, isOutOfDate: boolean];
    named: [name: DeploymentName, revision: NamedRevision];
    received: [name: DeploymentName, revision: number];
  }>();
  readonly #options: DesiredStateOptions;
  readonly #manifest: KeyedQueue<"manifest">;
  readonly #scores: KeyedQueue<DeploymentName>;
  readonly #troubles = new Map<DeploymentName, ScoreTrouble>();
  readonly #attempts = new Map<string, number>();
  #saveAgain: NodeJS.Timeout | undefined;
  /**
   * Names whose Score is read again although the revision is the one in hand: revisions repeat in a
   * store that went back.
   */
  readonly #refetch = new Set<DeploymentName>();
  readonly #loggedKept = new Set<string>();
  readonly #loggedUnknown = new Set<string>();
  #records: Records = new Map();
  #removed: RemovedNames = [];
  #version: ManifestVersion | null = null;
  /**
   * The state as it is on disk, for all others, as far as the disk takes it. What a worker began
   * before could be cut off by a power cut, and the device would go back; and an operator takes a
   * removal out of the manifest when the device says the revision and no longer the name.
   */
  #saved: { readonly records: Records; readonly revision: number | null } = { records: new Map(), revision: null };
  /** The last that this process has read. Null: it has read none. */
  #read: Manifest | null = null;
  #judge = new ManifestJudge(null);
  #reader: DeviceReader | null = null;

  constructor(options: DesiredStateOptions) {
    const { log } = options;
    this.#options = options;
    this.#manifest = new KeyedQueue({
      handle: (_, signal) => this.#readManifest(signal),
      onError: (_, error) => log.error("failed to follow the manifest", { error }),
    });
    this.#scores = new KeyedQueue<DeploymentName>({
      handle: (name, signal) => this.#readScore(name, signal),
      onError: (deployment, error) => log.error("failed to read a Score", { deployment, error }),
      concurrency: FETCHES_AT_ONCE,
    });
  }

  get manifestRevision(): number | null {
    return this.#saved.revision;
  }

  names(): DeploymentName[] {
    return [...this.#saved.records.keys()];
  }

  record(name: DeploymentName): DeploymentRecord | undefined {
    return this.#saved.records.get(name);
  }

  trouble(name: DeploymentName): ScoreTrouble | undefined {
    const record = this.#records.get(name);
    const before = record === undefined ? undefined : removedBefore(this.#removed, name, record);
    if (before !== undefined) return { phase: "Pending", reason: "RemovedBefore", message: wasRemovedBefore(before.name, before.at) };
    return this.#troubles.get(name);
  }

  /** From disk: before NATS was reached. */
  async load(): Promise<void> {
    const saved = await this.#options.store.load(this.#options.device);
    if (saved === null) return;
    this.#records = new Map(Object.entries(saved.deployments).map(([name, record]) => [asDeploymentName(name), record]));
    this.#removed = saved.removed ?? [];
    this.#version = saved.manifest;
    this.#saved = { records: this.#records, revision: saved.manifest?.revision ?? null };
    this.#judge = new ManifestJudge(saved.manifest);
  }

  follow(reader: DeviceReader, signal: AbortSignal): void {
    this.#reader = reader;
    // A notice is of the manifest. Whatever else has a trouble has its own time for another try.
    reader.notices((sequence) => (sequence === null ? this.readAgain() : this.#manifest.add("manifest")), signal);
    this.readAgain();
  }

  /** Reads the manifest, and every Score that could not be read: a connection may be back. */
  readAgain(): void {
    this.#manifest.add("manifest");
    for (const name of this.#troubles.keys()) this.#scores.add(name);
  }

  /** Called at each relist with what the Topology carries. */
  async adopt(workloads: readonly Workload[]): Promise<void> {
    if (this.#read === null) return;
    const { remove, keep, unknown } = unlistedWorkloads(workloads, this.#records, this.#read, this.#removed);
    for (const name of unknown) {
      if (this.#loggedUnknown.has(name)) continue;
      this.#loggedUnknown.add(name);
      this.#options.log.warn("a workload carries our label and does not say whose it is; it is left alone, and a person may remove it", {
        deployment: name,
      });
    }
    if (remove.size + keep.size === 0) return;
    this.#records = new Map([...this.#records, ...remove, ...keep]);
    await this.#save();
    for (const name of remove.keys()) this.#options.log.info("removing what no manifest names any more", { deployment: name });
    for (const name of keep.keys()) this.#options.log.info("keeping what no manifest names any more", { deployment: name });
    for (const name of [...remove.keys(), ...keep.keys()]) this.events.emit("changed", name, false);
  }

  /** A person wants it although it was removed before. */
  async retry(name: DeploymentName): Promise<void> {
    if (this.trouble(name)?.reason !== "RemovedBefore") return;
    this.#removed = forget(this.#removed, name);
    await this.#save();
    this.#scores.add(name, { interrupt: true });
    this.events.emit("changed", name, false);
  }

  /** A person wants it gone. False: a manifest names it, and would bring it back. */
  async clean(name: DeploymentName): Promise<boolean> {
    const record = this.#records.get(name);
    if (record === undefined || record.removing) return true;
    if (!isNotNamed(record)) return false;
    this.#options.log.info("a person removes what no manifest names any more", { deployment: name });
    this.#records = new Map(this.#records).set(name, { ...record, removing: true });
    await this.#save();
    this.#begin(name);
    return true;
  }

  /**
   * The variant takes the Score in hand. This comes to disk with the next Score; before that it
   * does not matter.
   */
  accepted(name: DeploymentName): void {
    const record = this.#records.get(name);
    const score = record?.score ?? null;
    if (record === undefined || score === null || record.accepted?.scoreString === score.scoreString) return;
    this.#records = new Map(this.#records).set(name, { ...record, accepted: score });
  }

  /** Nothing of it is left on the Topology. */
  async removed(name: DeploymentName): Promise<void> {
    const record = this.#records.get(name);
    if (record?.removing !== true) return;
    const rest = new Map(this.#records);
    rest.delete(name);
    this.#records = rest;
    this.#removed = remember(this.#removed, { name, entry: record.entry, at: new Date().toISOString() });
    await this.#save();
    // The name has passed to another, which waited for this.
    if (this.#read !== null && Object.hasOwn(this.#read.deployments, name)) this.#manifest.add("manifest");
  }

  handlings(): Handling[] {
    const all = [
      ...this.#manifest.running(),
      ...this.#scores.running().map(({ key, sinceMs }) => ({ key: `the Score of "${key}"`, sinceMs })),
    ];
    return all.map(({ key, sinceMs }) => ({ what: `reading ${key}`, sinceMs, limitMs: READ_LIMIT_MS }));
  }

  async close(): Promise<void> {
    clearTimeout(this.#saveAgain);
    await Promise.all([this.#manifest.close(), this.#scores.close()]);
  }

  async #readManifest(signal: AbortSignal): Promise<number> {
    if (this.#reader === null) return REREAD_MS;
    const { problems } = this.#options;
    const readSinceMs = systemClock.monotonicMs();
    const read = await this.#reader.readManifest(signal);
    if (read.kind === "unreadable") {
      problems.set("manifest", { reason: read.reason, message: read.message });
      return this.#retryMs("manifest");
    }
    this.#attempts.delete("manifest");
    if (read.kind === "absent") {
      problems.set("manifest", {
        reason: "NoManifest",
        message: noManifest(this.#options.device),
      });
      // A manifest was followed before and is missed: a store is being restored, or a wrong answer
      // was believed.
      return this.#version === null ? spread(REREAD_MS) : RETRY.maxMs;
    }
    const verdict = this.#judge.judge(read, systemClock.monotonicMs());
    if (!verdict.take) {
      const message = staleManifest({ read: read.revision, inForce: this.#version?.revision, takenInMs: verdict.takenInMs });
      problems.set("manifest", { reason: "StaleManifest", message });
      return Math.min(verdict.takenInMs, RETRY.maxMs);
    }
    problems.clear("manifest");
    await this.#take(read, verdict, readSinceMs);
    return spread(REREAD_MS);
  }

  async #take(
    read: ManifestVersion & { readonly manifest: Manifest },
    { refetchScores }: { readonly refetchScores: boolean },
    readSinceMs: number,
  ): Promise<void> {
    const before = this.#records;
    const taken = takeManifest(before, read.manifest, { refetchScores, removed: this.#removed });
    const isNew = this.#version?.revision !== read.revision || this.#version.writtenAt !== read.writtenAt;
    this.#records = taken.records;
    this.#version = { revision: read.revision, writtenAt: read.writtenAt };
    this.#read = read.manifest;
    for (const name of taken.fetch) {
      // It is another object or generation than the one that was removed.
      this.#removed = forget(this.#removed, name);
      this.#refetch.add(name);
      const entry = taken.records.get(name)?.entry;
      if (entry !== undefined) this.events.emit("named", name, { entry, writtenAt: read.writtenAt, readSinceMs });
      this.#scores.add(name, { interrupt: true });
    }
    this.#logKept(taken.kept);
    // A removal is on disk before it begins, and what is wanted again before it is begun anew, so
    // that what is cut short goes on after a restart without a network.
    const isOther = taken.records.size !== before.size || taken.remove.length > 0 || taken.touch.length > 0;
    if (isNew || isOther) await this.#save();
    // A removal that is under way is out of date when the name is wanted again.
    for (const name of taken.touch) this.events.emit("changed", name, before.get(name)?.removing === true);
    for (const name of taken.remove) this.#begin(name);
  }

  /** A removal that is on disk. */
  #begin(name: DeploymentName): void {
    this.#troubles.delete(name);
    this.events.emit("changed", name, true);
  }

  async #readScore(name: DeploymentName, signal: AbortSignal): Promise<number | null> {
    const record = this.#records.get(name);
    const isInHand = record?.score?.revision === record?.entry.revision && !this.#refetch.has(name);
    const isWanted = record !== undefined && !record.removing && !isNotNamed(record) && this.trouble(name)?.reason !== "RemovedBefore";
    if (this.#reader === null || !isWanted || isInHand) {
      if (isInHand) this.#setTrouble(name, null);
      return null;
    }
    const { revision } = record.entry;
    const read = await this.#reader.readScore({ deployment: name, revision }, signal);
    // The manifest may have gone on meanwhile: then this read is of no use, and the next one is
    // under way.
    const now = this.#records.get(name);
    if (now === undefined || now.removing || now.entry.revision !== revision) return 0;
    if (read.kind !== "found") {
      const trouble = troubleOf(read, revision);
      this.#setTrouble(name, trouble);
      // The bytes at one revision never change: only a new one can repair them.
      if (trouble.phase === "Rejected") return spread(REREAD_MS);
      if (read.kind === "other-revision") this.#manifest.add("manifest");
      return this.#retryMs(name);
    }
    const isOther = now.score?.scoreString !== read.scoreString;
    this.#attempts.delete(name);
    this.#refetch.delete(name);
    this.#records = new Map(this.#records).set(name, { ...now, score: { revision, scoreString: read.scoreString } });
    this.#options.log.info("received desired state", { deployment: name, revision });
    this.#troubles.delete(name);
    this.events.emit("received", name, revision);
    await this.#save();
    this.events.emit("changed", name, isOther);
    return null;
  }

  #setTrouble(name: DeploymentName, trouble: ScoreTrouble | null): void {
    const before = this.#troubles.get(name);
    if (before?.message === trouble?.message) return;
    if (trouble === null) this.#troubles.delete(name);
    else this.#troubles.set(name, trouble);
    this.events.emit("changed", name, false);
  }

  async #save(): Promise<void> {
    const { store, device, problems } = this.#options;
    const records = this.#records;
    const version = this.#version;
    try {
      await store.save({
        format: 1,
        device,
        manifest: version && { ...version },
        deployments: Object.fromEntries(records),
        ...(this.#removed.length === 0 ? {} : { removed: [...this.#removed] }),
      });
      this.#saved = { records, revision: version?.revision ?? null };
      problems.clear("state");
    } catch (error) {
      // The device goes on; that it has the revision it does not say.
      this.#saved = { ...this.#saved, records };
      clearTimeout(this.#saveAgain);
      this.#saveAgain = setTimeout(() => void this.#save(), SAVE_AGAIN_MS);
      problems.set("state", {
        reason: "StateNotSaved",
        message: stateNotSaved(errorText(error), store.folder),
      });
    }
  }

  #retryMs(key: string): number {
    const attempt = (this.#attempts.get(key) ?? 0) + 1;
    this.#attempts.set(key, attempt);
    return backoffMs(attempt, RETRY);
  }

  #logKept(kept: readonly { readonly name: DeploymentName; readonly source: string }[]): void {
    const current = new Set(kept.map(({ name, source }) => `${name} ${source}`));
    for (const { name, source } of kept) {
      if (this.#loggedKept.has(`${name} ${source}`)) continue;
      const what =
        this.#read?.removed === undefined
          ? "the manifest does not name a deployment whose source has not written yet; it stays"
          : "the manifest does not name a deployment, and does not say that it was deleted; it stays";
      this.#options.log.info(what, { deployment: name, source });
    }
    this.#loggedKept.clear();
    for (const text of current) this.#loggedKept.add(text);
  }
}

function troubleOf(
  read: { kind: "other-revision"; revision: number | null } | { kind: "unreadable"; reason: ReadReason; message: string },
  wanted: number,
): ScoreTrouble {
  if (read.kind === "other-revision") {
    return { phase: "Pending", reason: "ScoreNotAtRevision", message: scoreNotAtRevision(read.revision, wanted) };
  }
  const phase = read.reason === "InvalidScore" ? "Rejected" : "Pending";
  return { phase, reason: read.reason, message: read.message };
}

/** So that a fleet does not read in step. */
function spread(ms: number): number {
  return Math.round(ms * (0.75 + Math.random() / 2));
}
