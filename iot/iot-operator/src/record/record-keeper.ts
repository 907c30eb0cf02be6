// The operator's own record in the bucket `sources`: read before the source is, written before
// anything goes, and what a person asks for (confirm, keep, adopt, forget) carried out on it. Every
// write is a compare-and-set; what changed goes to the audit. What may go is plan/removals/'s.

import type { Log } from "@harmony/runtime";
import type { OperatorAnswer, OperatorVerb, SourceState } from "@iot/contracts";
import {
  type Asked,
  type Audit,
  type DesiredStateStore,
  type KnownDevices,
  NO_RECORD,
  sourceKey,
  type SourceRecord,
  type SourceRecords,
  type WriteResult,
} from "@iot/messaging";
import { isUnheard, otherCluster } from "../plan/ownership.ts";
import { type Consent, confirm, keep } from "../plan/removals/consent.ts";
import { decodeRecord, EMPTY_RECORD, encodeRecord, type RemovalRecord } from "../plan/removals/record.ts";
import { changesOf, entriesText, heldText, lostText, newsOf } from "../plan/removals/words.ts";
import type { Source } from "../sources/source.ts";
import { forgetDevice } from "./forget-device.ts";

export interface ObservedRecord {
  readonly record: RemovalRecord;
  readonly revision: number;
  readonly state: SourceState | null;
  readonly stateRevision: number;
  /** By the server's clock. */
  readonly nowMs: number;
  /** The records of all sources. */
  readonly states: ReadonlyMap<string, SourceState>;
}

export interface RecordKeeperOptions {
  readonly source: Pick<Source, "id" | "clusterUid" | "announce">;
  readonly records: SourceRecords;
  readonly audit: Audit;
  readonly desired: Pick<DesiredStateStore, "observe" | "removeManifest">;
  readonly devices: KnownDevices;
  readonly log: Log;
}

export type StateNews = Pick<SourceState, "version" | "problem">;

/** What there is for an operator to take over, as it stood when a person asked. */
export interface Claims {
  /** Ids of sources that own what this source asks for. */
  readonly wants: ReadonlySet<string>;
  /** The id is another cluster's. Every operator of it hears the question, and one takes over. */
  readonly isShutOut: boolean;
}

const SEEN_EVERY_MS = 60_000;
const ATTEMPTS = 5;

export class RecordKeeper {
  readonly #options: RecordKeeperOptions;

  constructor(options: RecordKeeperOptions) {
    this.#options = options;
  }

  /** @throws MessagingError */
  async observe(signal: AbortSignal): Promise<ObservedRecord> {
    const { source, records } = this.#options;
    const all = await records.observe(signal);
    const { state, removals } = ownRecord(all, source.id);
    return {
      record: removals.document === null ? EMPTY_RECORD : decodeRecord(removals.document),
      revision: removals.revision,
      state: state.document,
      stateRevision: state.revision,
      nowMs: records.nowMs(),
      states: new Map([...all].flatMap(([id, each]) => (each.state.document === null ? [] : [[id, each.state.document]]))),
    };
  }

  async putRecord(before: RemovalRecord, record: RemovalRecord, expectedRevision: number): Promise<WriteResult> {
    const { source, records, log } = this.#options;
    const result = await records.putRemovals(encodeRecord(source.id, record), expectedRevision);
    if (!result.ok) return result;
    source.announce?.(newsOf(before, record));
    for (const { what, entries, message } of changesOf(before, record)) {
      log.info("removals", { what, entries: entries.length, message });
      await this.#audit(what, "operator", message);
    }
    return result;
  }

  /**
   * Writes the state when it says something new, and once a minute. `observed` is what stands
   * there.
   */
  async putState(observed: ObservedRecord, { version, problem }: StateNews): Promise<WriteResult | null> {
    const { source, records } = this.#options;
    const { state: before, nowMs, record } = observed;
    const [held, lost] = [heldText(record), lostText(record)];
    const now = new Date(nowMs).toISOString();
    // A cluster's version changes with everything in it.
    const isWordSame = before?.problem === problem && (before.held ?? null) === held && (before.lost ?? null) === lost;
    const isSame = before !== null && isWordSame && (source.clusterUid !== null || before.version === version);
    if (isSame && nowMs - Date.parse(before.lastSeen) < SEEN_EVERY_MS) return null;
    const readableSince = problem === null ? (before?.problem === null ? (before.readableSince ?? now) : now) : null;
    const state: SourceState = {
      ...before,
      id: source.id,
      clusterUid: source.clusterUid,
      version: version ?? before?.version ?? null,
      problem,
      held,
      lost,
      readableSince,
      lastSeen: now,
    };
    return await records.putState(state, observed.stateRevision);
  }

  async answer({ verb, request, by }: Asked & { readonly verb: Exclude<OperatorVerb, "state"> }, claims: Claims): Promise<OperatorAnswer> {
    const { source } = this.#options;
    const said = (done: boolean, message: string): OperatorAnswer => ({ source: source.id, done, message });
    if (verb === "confirm") {
      const { token = "" } = request;
      const consent = await this.#consent((record, nowMs) => confirm(record, token, { nowMs, by }));
      if (consent === null)
        return said(false, `${source.id} holds and lost nothing that ${token} stands for: iot status shows what there is now`);
      return said(true, await this.#answer("confirm", by, `removes ${entriesText(consent.entries, "from")}`));
    }
    if (verb === "keep") {
      const consent = await this.#consent((record) => keep(record, request, by));
      if (consent === null) return said(false, `${source.id} holds no removal of that name`);
      return said(true, await this.#answer("keep", by, `keeps ${entriesText(consent.entries, "on")}`));
    }
    if (verb === "forget" && request.device !== undefined) return this.#forgetDevice(request.device, by);
    return verb === "adopt"
      ? await this.#adopt(request.source ?? "", { by, claims, said })
      : await this.#forget(request.source ?? "", { by, said });
  }

  async #consent(change: (record: RemovalRecord, nowMs: number) => Consent | null): Promise<Consent | null> {
    const { records, source } = this.#options;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const { record, revision, nowMs } = await this.observe(AbortSignal.timeout(5_000));
      const consent = change(record, nowMs);
      if (consent === null) return null;
      if (!(await records.putRemovals(encodeRecord(source.id, consent.record), revision)).ok) continue;
      source.announce?.(newsOf(record, consent.record));
      return consent;
    }
    return null;
  }

  async #adopt(
    id: string,
    { by, claims, said }: { by: string; claims: Claims; said: (done: boolean, message: string) => OperatorAnswer },
  ): Promise<OperatorAnswer> {
    const { records, source } = this.#options;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const observed = await this.observe(AbortSignal.timeout(5_000));
      const { state, stateRevision, nowMs } = observed;
      const isOwn = id === source.id && claims.isShutOut && otherCluster(source, state) !== null;
      if (!isOwn && !claims.wants.has(id)) return said(false, `${source.id} asks for nothing that ${id} owns`);
      const adopts = isOwn ? (state?.adopts ?? []) : [...new Set([...(state?.adopts ?? []), id])];
      const now = new Date(nowMs).toISOString();
      const next: SourceState = {
        ...(state ?? { version: null, problem: null, readableSince: null }),
        id: source.id,
        clusterUid: source.clusterUid,
        lastSeen: now,
        adopts,
      };
      if (!(await records.putState(next, stateRevision)).ok) continue;
      return said(true, await this.#answer("adopt", by, `takes over from ${id} what both have by namespace and name`));
    }
    return said(false, `${source.id} is written to by others at the same time: try again`);
  }

  async #forget(
    id: string,
    { by, said }: { by: string; said: (done: boolean, message: string) => OperatorAnswer },
  ): Promise<OperatorAnswer> {
    const { records, source } = this.#options;
    if (id === source.id) return said(false, `${id} is the source of the operator that answers: end it first`);
    const all = await records.observe(AbortSignal.timeout(5_000));
    const record = ownRecord(all, id);
    const state = record.state.document;
    if (state === null) return said(false, `there is no source ${id}`);
    if (!isUnheard(state, records.nowMs())) return said(false, `${id} was heard at ${state.lastSeen}: its operator runs`);
    const { ok } = await records.forget(id, record);
    if (!ok) return said(false, `${id} was written to at the same time: its operator runs`);
    return said(true, await this.#answer("forget", by, `forgets ${id}; what the devices have of it stays`));
  }

  async #forgetDevice(device: string, by: string): Promise<OperatorAnswer> {
    const { source, records, desired, devices } = this.#options;
    const at = { desired, devices, nowMs: records.nowMs(), signal: AbortSignal.timeout(5_000) };
    const { kind, ...refused } = await forgetDevice(device, at);
    if (kind === "refused") return { source: source.id, done: false, ...refused };
    return { source: source.id, done: true, message: await this.#answer("forget", by, refused.message) };
  }

  async #answer(what: string, by: string, message: string): Promise<string> {
    this.#options.log.info("a person said", { what, by, message });
    await this.#audit(what, by, message);
    return `${this.#options.source.id} ${message}`;
  }

  async #audit(what: string, by: string, message: string): Promise<void> {
    const { source, records, audit } = this.#options;
    const at = new Date(records.nowMs()).toISOString();
    await audit.write(sourceKey(source.id), { at, source: source.id, what, by, message });
  }
}

/** A record that cannot be read stands under its key. */
function ownRecord(all: ReadonlyMap<string, SourceRecord>, id: string): SourceRecord {
  return all.get(id) ?? all.get(sourceKey(id)) ?? NO_RECORD;
}
