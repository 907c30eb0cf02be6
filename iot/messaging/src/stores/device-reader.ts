// What one device should run, read with the rights of one device: direct gets of its own keys, and
// notices that are hints and never data. Whatever cannot be read is a value with its reason, so
// that the agent keeps what runs; only the abort of a signal throws. "There is none" names no key,
// so anyone may have said it: it is reported only after two readings that are apart.

import { formatIssues } from "@harmony/core";
import { systemClock } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { type DeploymentName, type DeviceId, type DeviceSubjects, Manifest, Score, subjects } from "@iot/contracts";
import type { Messaging } from "../connection/connect.ts";
import { type DirectEntry, directGet } from "../buckets/direct-get.ts";
import { MessagingError, type MessagingErrorCode } from "../connection/messaging-error.ts";
import { deviceNames } from "./device-names.ts";
import { Notices } from "./notices.ts";
import type { StoreReason } from "./reasons.ts";

export type UnreadableReason = Extract<MessagingErrorCode, "Timeout" | "PermissionDenied" | "NoStore" | "NotConnected">;

export type ManifestRead =
  | {
      readonly kind: "found";
      readonly revision: number;
      /** RFC 3339, by the server's clock. */
      readonly writtenAt: string;
      readonly manifest: Manifest;
    }
  | { readonly kind: "absent" }
  | { readonly kind: "unreadable"; readonly reason: UnreadableReason | Extract<StoreReason, "InvalidManifest">; readonly message: string };

export type ScoreRead =
  /** `scoreString`: the bytes of the bucket, as text. */
  | { readonly kind: "found"; readonly scoreString: string }
  /** Read the manifest again. `revision` null: the key is absent. */
  | { readonly kind: "other-revision"; readonly revision: number | null }
  | { readonly kind: "unreadable"; readonly reason: UnreadableReason | Extract<StoreReason, "InvalidScore">; readonly message: string };

export interface DeviceReader {
  readManifest(signal: AbortSignal): Promise<ManifestRead>;
  readScore(wanted: { deployment: DeploymentName; revision: number }, signal: AbortSignal): Promise<ScoreRead>;
  /**
   * Calls back until aborted: the manifest may be at `sequence` now; null when the notice does not
   * say, or one may have been missed. A notice of another subject is dropped, and one that brings
   * nothing new is followed at most once a second.
   */
  notices(callback: (sequence: number | null) => void, signal: AbortSignal): void;
}

/**
 * A replica may lag behind the notice, or behind the manifest that names a Score: 17 of 3,000 reads
 * did (measured).
 */
const REPLICA_LAG_MS = 5_000;
const REREAD_EVERY_MS = 100;
/**
 * The pauses of a manifest that is behind its notice; after them it is read once a second. Whoever
 * makes numbers up gets no more than one reading a second, on average.
 */
const MANIFEST_REREAD_MS: readonly number[] = [100, 1_900];
const ABSENT_AGAIN_MS = 500;

export function openDeviceReader(messaging: Messaging, device: DeviceId): DeviceReader {
  const names = deviceNames(messaging, device);
  let noticed: number | null = null;
  let listening: Notices | null = null;
  let lastSequence: number | null = null;
  let wake = (): void => undefined;

  const read = (deployment: DeploymentName | null, signal: AbortSignal): Promise<DirectEntry> => {
    const isManifest = deployment === null;
    const subject = isManifest ? subjects.manifest(device) : subjects.score(device, deployment);
    const askedBy = (named: DeviceSubjects): string => (isManifest ? named.manifest : named.score(deployment));
    return names.ask(isManifest ? "manifest" : "score", (named) => directGet(messaging, { subject, asked: askedBy(named) }, signal));
  };

  /** `deployment` null: the manifest. */
  const readFrom = async (
    deployment: DeploymentName | null,
    isThere: (sequence: number) => boolean,
    signal: AbortSignal,
  ): Promise<DirectEntry> => {
    const deadlineMs = systemClock.monotonicMs() + REPLICA_LAG_MS;
    for (let reading = 0; ; reading += 1) {
      const entry = await read(deployment, signal);
      if (isThere(entry.sequence) || systemClock.monotonicMs() >= deadlineMs) return entry;
      await systemClock.sleep(deployment === null ? (MANIFEST_REREAD_MS[reading] ?? 1_000) : REREAD_EVERY_MS, signal);
    }
  };

  /** False: the signal cut it short. */
  const pause = (signal: AbortSignal): Promise<boolean> =>
    systemClock.sleep(ABSENT_AGAIN_MS, signal).then(
      () => true,
      () => false,
    );

  return {
    readManifest: (signal) =>
      orUnreadable(signal, async () => {
        let awaited = noticed;
        const isThere = (sequence: number): boolean => {
          awaited = noticed;
          return awaited === null || sequence >= awaited;
        };
        const listened = names.subjects;
        // A notice makes the answer that is waited for out of date. It cuts one short and no more,
        // so that whoever sends many holds up nothing.
        const notice = new AbortController();
        wake = () => notice.abort();
        const untilNotice = AbortSignal.any([signal, notice.signal]);
        const again = (): Promise<DirectEntry> => readFrom(null, isThere, signal);
        let entry = await readFrom(null, isThere, untilNotice).catch((error: unknown) => {
          signal.throwIfAborted();
          if (!notice.signal.aborted) throw error;
          // The first reading of this process: what it brings now is new.
          lastSequence ??= 0;
          return again();
        });
        // Notices of what was written before they come under the new names were not heard.
        if (names.subjects !== listened) entry = await again();
        const isNothing = (): boolean => entry.kind === "absent" && entry.sequence === 0;
        if (isNothing()) {
          const isApart = await pause(untilNotice);
          entry = await again();
          if (isNothing() && !isApart) {
            await pause(signal);
            entry = await again();
          }
        }
        // A revision may never come, as after a restore of the store: the next read does not wait
        // for it again.
        if (noticed === awaited) noticed = null;
        if (lastSequence !== null && entry.sequence > lastSequence) listening?.cameTrue(entry.sequence);
        lastSequence = entry.sequence;
        if (entry.kind === "absent") return { kind: "absent" };
        const manifest = parseJson(Manifest, entry.data);
        if (!manifest.ok) {
          const message = `the manifest of this device (revision ${entry.sequence}) cannot be read, what runs stays: ${formatIssues(manifest.issues)}; restart the operator, which writes it anew`;
          return { kind: "unreadable", reason: "InvalidManifest", message };
        }
        return { kind: "found", revision: entry.sequence, writtenAt: entry.writtenAt, manifest: manifest.value };
      }),

    readScore: ({ deployment, revision }, signal) =>
      orUnreadable(signal, async () => {
        const entry = await readFrom(deployment, (sequence) => sequence >= revision, signal);
        if (entry.kind === "absent") return { kind: "other-revision", revision: null };
        if (entry.sequence !== revision) return { kind: "other-revision", revision: entry.sequence };
        const score = parseJson(Score, entry.data);
        if (!score.ok) {
          const message = `the Score of "${deployment}" (revision ${revision}) cannot be read: ${formatIssues(score.issues)}; correct the deployment and push`;
          return { kind: "unreadable", reason: "InvalidScore", message };
        }
        return { kind: "found", scoreString: new TextDecoder().decode(entry.data) };
      }),

    notices: (callback, signal) => {
      if (signal.aborted) return;
      const notices = (listening = new Notices({
        connection: messaging.connection,
        log: messaging.log,
        subject: () => names.subjects.notice,
        announced: subjects.manifest(device),
        follow: (sequence) => {
          noticed = sequence;
          wake();
          callback(sequence);
        },
      }));
      const ends = [names.onMoved(() => notices.moved()), names.onAnsweredAgain(() => notices.missed()), () => notices.close()];
      signal.addEventListener("abort", () => ends.forEach((end) => end()), { once: true });
    },
  };
}

async function orUnreadable<Read>(
  signal: AbortSignal,
  read: () => Promise<Read>,
): Promise<Read | { kind: "unreadable"; reason: UnreadableReason; message: string }> {
  try {
    return await read();
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof MessagingError)) throw error;
    return { kind: "unreadable", reason: unreadableReason(error), message: error.message };
  }
}

function unreadableReason({ code }: MessagingError): UnreadableReason {
  return code === "Timeout" || code === "PermissionDenied" || code === "NotConnected" ? code : "NoStore";
}
