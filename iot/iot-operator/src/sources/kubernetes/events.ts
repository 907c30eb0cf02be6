// News of removals as Events beside the objects, for `kubectl describe` and `kubectl get events`.
// An object has one Event for each reason, whose count rises, so that whatever flaps fills nothing.
// A part of much at once is reported; all of it stands in the record, the audit and /readyz. Nobody
// waits for an Event: what cannot be written (no right to, a namespace that is being deleted) is
// logged, once aloud.

import { createHash } from "node:crypto";
import type { Clock, Log } from "@harmony/runtime";
import {
  apiVersionOf,
  applyObject,
  type KubernetesConnection,
  KubernetesError,
  type ObjectName,
  readObject,
  type ResourceType,
} from "@harmony/kube-api";
import { parse } from "@harmony/schema";
import * as z from "zod/mini";
import type { ObjectNews } from "../source.ts";

const EVENTS: ResourceType = { group: "", version: "v1", kind: "Event", plural: "events" };
/** Waiting to be written; what comes on top of them is dropped. */
const MOST = 100;
const AT_ONCE = 4;
/** What the API server takes of the newer kind of Events, and people read. */
const MESSAGE_LIMIT = 1_000;

export interface AnnouncerOptions {
  readonly connection: KubernetesConnection;
  /** The type of the objects. */
  readonly type: ResourceType;
  readonly manager: string;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

const Standing = z.looseObject({ count: z.optional(z.int()), firstTimestamp: z.nullish(z.string()) });

export function announcer(options: AnnouncerOptions): (news: readonly ObjectNews[]) => void {
  const { log, signal } = options;
  const waiting: ObjectNews[] = [];
  let writing = 0;
  let isRefusalLogged = false;

  const worker = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined && !signal.aborted; one = waiting.shift()) {
      try {
        await writeEvent(one, options);
      } catch (error) {
        if (signal.aborted) return;
        const fields = { namespace: one.namespace, deployment: one.name, reason: one.reason, error };
        log[isRefusalLogged ? "debug" : "warn"]("cannot write an Event; all else goes on", fields);
        isRefusalLogged = true;
      }
    }
  };

  return (news) => {
    const taken = news.slice(0, Math.max(0, MOST - waiting.length));
    if (taken.length < news.length) log.info("too much happened at once for an Event each", { events: taken.length, of: news.length });
    waiting.push(...taken);
    for (; writing < Math.min(AT_ONCE, waiting.length); writing += 1) {
      void worker().finally(() => {
        writing -= 1;
      });
    }
  };
}

async function writeEvent(
  { uid, namespace, name, reason, isWarning, message }: ObjectNews,
  { connection, type, manager, signal, clock }: AnnouncerOptions,
): Promise<void> {
  const object: ObjectName = { namespace, name: `${name}.${createHash("sha256").update(`${uid}/${reason}`).digest("hex").slice(0, 16)}` };
  const before = await standing(connection, object, signal);
  const now = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
  const fields = {
    involvedObject: { apiVersion: apiVersionOf(type), kind: type.kind, namespace, name, uid },
    type: isWarning ? "Warning" : "Normal",
    reason,
    message: message.length <= MESSAGE_LIMIT ? message : `${message.slice(0, MESSAGE_LIMIT - 1)}…`,
    source: { component: manager },
    firstTimestamp: before?.firstTimestamp ?? now,
    lastTimestamp: now,
    count: (before?.count ?? 0) + 1,
  };
  await applyObject(connection, EVENTS, { object, fields, manager, signal });
}

/** null: there is none, or it has been forgotten (after an hour). */
async function standing(
  connection: KubernetesConnection,
  object: ObjectName,
  signal: AbortSignal,
): Promise<z.output<typeof Standing> | null> {
  try {
    const parsed = parse(Standing, await readObject(connection, EVENTS, object, signal));
    return parsed.ok ? parsed.value : null;
  } catch (error) {
    if (error instanceof KubernetesError && error.code === "NotFound") return null;
    throw error;
  }
}
