// The stream `audit`: what operators removed, held and lost, and what people said. Nothing in it
// can be deleted, purged or rolled up. One that is there without limits is brought to them; limits
// that somebody chose stay. A fleet is served without it, too: a write that fails is
// logged.

import { isDeepStrictEqual } from "node:util";
import { abortable, type Log } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { AUDIT, AuditEvent } from "@iot/contracts";
import {
  DiscardPolicy,
  JetStreamApiCodes,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/nats-core";
import type { Messaging } from "../connection/connect.ts";
import { asBucketError, isApiError, openJetStream } from "../buckets/ensure-bucket.ts";

export interface Audit {
  /** Resolves when the server has it, or when that failed and was logged. */
  write(key: string, event: AuditEvent): Promise<void>;
}

const DAY_MS = 86_400_000;

const { maxAgeDays, maxBytes } = AUDIT;
/** Nothing goes, and people read it (allow_direct). */
const PROTECTION = { allow_rollup_hdrs: false, deny_delete: true, deny_purge: true, allow_direct: true } as const;

export interface AuditOptions {
  readonly replicas?: number;
  /** Makes the stream, or brings it to its limits, before there is anything to write. */
  readonly keepsLimits?: boolean;
  readonly log: Log;
}

export function openAudit(messaging: Messaging, { replicas = 1, keepsLimits = false, log }: AuditOptions): Audit {
  let ready: Promise<JetStreamManager> | null = null;
  const make = async (): Promise<JetStreamManager> => {
    const jsm = await openJetStream(messaging);
    try {
      const { config } = await jsm.streams.info(AUDIT.stream);
      if (keepsLimits) await withLimits(jsm, config, log);
    } catch (error) {
      if (!isApiError(error, JetStreamApiCodes.StreamNotFound)) throw error;
      await jsm.streams.add(streamConfig(replicas));
    }
    return jsm;
  };
  if (keepsLimits) {
    ready = make();
    ready.catch((error: unknown) => {
      ready = null;
      log.warn("failed to open the audit", { error });
    });
  }
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

function streamConfig(replicas: number) {
  return {
    name: AUDIT.stream,
    description: "what operators removed, held and lost, and what people said",
    subjects: [...AUDIT.subjects],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_age: nanos(maxAgeDays * DAY_MS),
    max_bytes: maxBytes,
    num_replicas: replicas,
    ...PROTECTION,
  };
}

/** What is refused here is logged: a line that can be deleted is better than none. */
async function withLimits(jsm: JetStreamManager, config: StreamConfig, log: Log): Promise<void> {
  const wanted = {
    ...PROTECTION,
    max_age: config.max_age > 0 ? config.max_age : nanos(maxAgeDays * DAY_MS),
    max_bytes: config.max_bytes > 0 ? config.max_bytes : maxBytes,
    // With a limit of bytes a full stream would take no new line.
    discard: DiscardPolicy.Old,
  };
  const { max_age, max_bytes, discard, allow_rollup_hdrs, deny_delete, deny_purge, allow_direct } = config;
  if (isDeepStrictEqual(wanted, { max_age, max_bytes, discard, allow_rollup_hdrs, deny_delete, deny_purge, allow_direct })) return;
  try {
    await jsm.streams.update(AUDIT.stream, { ...config, ...wanted });
    log.info("brought the audit to its limits", { stream: AUDIT.stream });
  } catch (error) {
    log.warn("failed to bring the audit to its limits", { stream: AUDIT.stream, error });
  }
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
