// The stream `audit`: what operators removed, held and lost, and what people said. Nothing in it
// can be deleted, purged or rolled up. A fleet is served without it, too: a write that fails is
// logged.

import { abortable, type Log } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { AUDIT, AuditEvent } from "@iot/contracts";
import { DiscardPolicy, JetStreamApiCodes, type JetStreamManager, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { nanos } from "@nats-io/nats-core";
import type { Messaging } from "../connection/connect.ts";
import { asBucketError, isApiError, openJetStream } from "../buckets/ensure-bucket.ts";

export interface Audit {
  /** Resolves when the server has it, or when that failed and was logged. */
  write(key: string, event: AuditEvent): Promise<void>;
}

const DAY_MS = 86_400_000;

export function openAudit(messaging: Messaging, { replicas = 1, log }: { readonly replicas?: number; readonly log: Log }): Audit {
  let ready: Promise<JetStreamManager> | null = null;
  const make = async (): Promise<JetStreamManager> => {
    const jsm = await openJetStream(messaging);
    try {
      await jsm.streams.info(AUDIT.stream);
    } catch (error) {
      if (!isApiError(error, JetStreamApiCodes.StreamNotFound)) throw error;
      await jsm.streams.add({
        name: AUDIT.stream,
        description: "what operators removed, held and lost, and what people said",
        subjects: [...AUDIT.subjects],
        retention: RetentionPolicy.Limits,
        storage: StorageType.File,
        discard: DiscardPolicy.Old,
        max_age: nanos(AUDIT.maxAgeDays * DAY_MS),
        max_bytes: AUDIT.maxBytes,
        num_replicas: replicas,
        allow_rollup_hdrs: false,
        deny_delete: true,
        deny_purge: true,
      });
    }
    return jsm;
  };
  return {
    write: async (key, event) => {
      try {
        ready ??= make();
        const jsm = await abortable(ready, messaging.lost());
        await abortable(jsm.jetstream().publish(`audit.operator.${key}`, JSON.stringify(event)), messaging.lost());
      } catch (error) {
        ready = null;
        log.warn("failed to write to the audit", { what: event.what, error });
      }
    },
  };
}

/**
 * The last `count`, the oldest first; none when nothing was ever written. @throws MessagingError
 */
export async function readAudit(messaging: Messaging, count: number): Promise<AuditEvent[]> {
  const jsm = await openJetStream(messaging);
  try {
    const { state } = await jsm.streams.info(AUDIT.stream);
    const first = Math.max(state.first_seq, state.last_seq - count + 1);
    const events: AuditEvent[] = [];
    for (let seq = first; seq <= state.last_seq; seq += 1) {
      const message = await jsm.streams.getMessage(AUDIT.stream, { seq }).catch(() => null);
      const event = message === null ? null : parseJson(AuditEvent, message.data);
      if (event?.ok === true) events.push(event.value);
    }
    return events;
  } catch (error) {
    if (isApiError(error, JetStreamApiCodes.StreamNotFound)) return [];
    throw asBucketError(error, `failed to read the stream "${AUDIT.stream}"`);
  }
}
