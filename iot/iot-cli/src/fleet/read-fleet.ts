// What the buckets hold, read once. The command line only looks: a missing bucket is reported, and
// never made. An operator of 0.1 has no bucket `sources`.

import { plainText } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import type { BucketName, OperatorAnswer, SourceRemovals, SourceState } from "@iot/contracts";
import { BootsHeard, type Fleet, judgeFleet } from "@iot/fleet";
import {
  asMessagingError,
  askOperators,
  type Messaging,
  MessagingError,
  openDesiredState,
  openSourceRecords,
  openStatusStore,
} from "@iot/messaging";
import * as z from "zod/mini";
import { CONNECT_TIMEOUT_MS, exitCodeOf, type NatsAccess, SILENT, withNats } from "../command-line/nats.ts";

/** What an operator removed in the last ten minutes, holds, or lost. */
export interface RemovalRow {
  readonly what: "removed" | "held" | "lost";
  readonly namespace: string;
  readonly name: string;
  readonly devices: readonly string[];
  readonly why: string;
}

/** What an operator says of its source. Sentences are its own. */
export interface SourceRow {
  readonly source: string;
  /** A commit or a resourceVersion; null: nothing is followed yet. */
  readonly version: string | null;
  /** Why the newest version is not followed; null: it is. */
  readonly problem: string | null;
  /** Removals that wait until a person says, with the command; null: none. */
  readonly held: string | null;
  /** Entries whose deletion nobody saw; null: none. */
  readonly lost: string | null;
  readonly removals: readonly RemovalRow[];
  /** RFC 3339, by the server's clock, to a minute; empty: it has written nothing yet. */
  readonly lastSeen: string;
  /** How long its operator has said nothing, when that is longer than usual; null: it is heard. */
  readonly silentSeconds: number | null;
}

export interface FleetView extends Fleet {
  readonly sources: readonly SourceRow[];
}

/** Longer than ten names and the command behind them. */
const SENTENCE_CHARACTERS = 4_096;
/** An operator writes at least once a minute. */
const SILENT_AFTER_MS = 180_000;
const StreamInfo = z.looseObject({ error: z.optional(z.looseObject({ code: z.number(), description: z.string() })) });

/** @throws UserError, with the sentence for the person. */
export async function readFleet(access: NatsAccess, signal: AbortSignal, boots = new BootsHeard()): Promise<FleetView> {
  return withNats(access, signal, async (messaging, reading) => {
    for (const bucket of ["desired-state", "status"] as const) {
      const problem = await bucketProblem(messaging, bucket);
      if (problem !== null) throw new UserError(problem.message);
    }
    const desired = await openDesiredState(messaging, { log: SILENT });
    const snapshot = await desired.observe(reading);
    const statuses = await (await openStatusStore(messaging, { log: SILENT })).list(reading);
    await desired.close();
    return { sources: await readSources(messaging, reading), ...judgeFleet(snapshot, statuses, boots) };
  });
}

async function readSources(messaging: Messaging, signal: AbortSignal): Promise<SourceRow[]> {
  const problem = await bucketProblem(messaging, "sources");
  if (problem?.code === 404) return [];
  if (problem !== null) throw new UserError(problem.message);
  const records = await openSourceRecords(messaging, { log: SILENT });
  const all = await records.observe(signal);
  const nowMs = records.nowMs();
  await records.close();
  const states = [...all.values()].flatMap(({ state, removals }) =>
    state.document === null ? [] : [{ ...toRow(state.document, nowMs), removals: toRemovals(removals.document) }],
  );
  const asked = states.length === 0 ? [undefined] : states.map(({ source }) => source);
  const answers = (await Promise.all(asked.map((source) => spoken(source, messaging, signal)))).flat();
  return [...states.map((row) => withSpoken(row, answers)), ...waiting(answers, states)].toSorted((a, b) => (a.source < b.source ? -1 : 1));
}

function toRow({ id, version, problem, held = null, lost = null, lastSeen }: SourceState, nowMs: number): Omit<SourceRow, "removals"> {
  const sentence = (text: string | null): string | null => (text === null ? null : plainText(text, SENTENCE_CHARACTERS));
  return {
    source: plainText(id, 256),
    version: version === null ? null : plainText(version, 64),
    problem: sentence(problem),
    held: sentence(held),
    lost: sentence(lost),
    lastSeen: plainText(lastSeen, 64),
    silentSeconds: nowMs - Date.parse(lastSeen) > SILENT_AFTER_MS ? Math.floor((nowMs - Date.parse(lastSeen)) / 1_000) : null,
  };
}

/** What operators say when they are asked, for a store that is full does not take it. */
async function spoken(source: string | undefined, messaging: Messaging, signal: AbortSignal): Promise<readonly OperatorAnswer[]> {
  try {
    return await askOperators(messaging, "state", source === undefined ? {} : { source }, signal);
  } catch (error) {
    // None runs, or it is of an earlier version.
    if (error instanceof MessagingError) return [];
    throw error;
  }
}

function withSpoken(row: SourceRow, answers: readonly OperatorAnswer[]): SourceRow {
  const own = answers.find(({ done, source, message }) => done && source === row.source && message !== "");
  return own === undefined ? row : { ...row, problem: plainText(own.message, SENTENCE_CHARACTERS), silentSeconds: null };
}

/** Operators that have written nothing yet, as one that cannot learn which cluster it is in. */
function waiting(answers: readonly OperatorAnswer[], states: readonly SourceRow[]): SourceRow[] {
  const known = new Set(states.map(({ source }) => source));
  const said = new Map(
    answers.filter(({ source, message }) => !known.has(source) && message !== "").map((one) => [one.source, one.message]),
  );
  const nothing = { version: null, held: null, lost: null, removals: [], lastSeen: "", silentSeconds: null };
  return [...said].map(([source, message]) => ({ ...nothing, source, problem: plainText(message, SENTENCE_CHARACTERS) }));
}

function toRemovals(record: SourceRemovals | null): RemovalRow[] {
  if (record === null) return [];
  return (["removed", "held", "lost"] as const).flatMap((what) =>
    record[what].map(({ namespace, name, devices, why }) => ({
      what,
      namespace: plainText(namespace, 256),
      name: plainText(name, 256),
      devices: devices.map((device) => plainText(device, 256)),
      why: plainText(why, SENTENCE_CHARACTERS),
    })),
  );
}

async function bucketProblem(
  messaging: Messaging,
  bucket: BucketName,
): Promise<{ readonly code: number; readonly message: string } | null> {
  const { connection } = messaging;
  let answer;
  try {
    answer = await connection.request(`$JS.API.STREAM.INFO.KV_${bucket}`, "", { timeout: CONNECT_TIMEOUT_MS });
  } catch (cause) {
    const message = `NATS at ${connection.getServer()} does not answer for the bucket "${bucket}": JetStream is off there, or this user may not read it`;
    throw new UserError(message, exitCodeOf(asMessagingError(cause, message)), { cause });
  }
  const parsed = parseJson(StreamInfo, answer.data);
  if (!parsed.ok || parsed.value.error === undefined) return null;
  const { code, description } = parsed.value.error;
  const why =
    code === 404
      ? "no operator has served this server yet; start one (npm start -w iot/iot-operator), or name another server with --nats"
      : description;
  return { code, message: `the bucket "${bucket}" is not on NATS at ${connection.getServer()}: ${why}` };
}
