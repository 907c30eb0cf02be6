// What the buckets hold, read once. The command line only looks: a bucket that is missing is told, never made. A server that cannot
// be reached is one sentence, at once rather than tried again.

import { type Log, UserError } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { type BucketName } from "@iot/contracts";
import { connectMessaging, fixedCredentials, type Messaging, openDesiredState, openStatusStore } from "@iot/messaging";
import * as z from "zod/mini";
import { type Fleet, judgeFleet } from "@iot/fleet";

export interface NatsAccess {
  readonly servers: readonly string[];
  readonly user?: string | undefined;
  readonly pass?: string | undefined;
  readonly caFile?: string | undefined;
}

const CONNECT_TIMEOUT_MS = 5_000;
const READ_TIMEOUT_MS = 30_000;
const StreamInfo = z.looseObject({ error: z.optional(z.looseObject({ code: z.number(), description: z.string() })) });

/** @throws UserError, with the sentence for the person. */
export async function readFleet(access: NatsAccess, signal: AbortSignal): Promise<Fleet> {
  const failed = new AbortController();
  const any = AbortSignal.any([signal, failed.signal]);
  const late = `NATS did not give all within ${READ_TIMEOUT_MS / 1000} s: check the network between here and it`;
  const timer = setTimeout(() => failed.abort(new UserError(late)), READ_TIMEOUT_MS);
  try {
    return await readBuckets(access, any, failed);
  } finally {
    clearTimeout(timer);
  }
}

async function readBuckets(access: NatsAccess, signal: AbortSignal, failed: AbortController): Promise<Fleet> {
  const { servers, user, pass, caFile } = access;
  const messaging = await connectMessaging({
    servers,
    credentials: fixedCredentials({ user, pass }),
    caFile,
    name: "iot",
    log: SILENT,
    signal,
    timeoutMs: CONNECT_TIMEOUT_MS,
    onState: (state) => {
      if (state.kind === "disconnected") failed.abort(new UserError(state.message));
    },
  });
  try {
    for (const bucket of ["desired-state", "status"] as const) await requireBucket(messaging, bucket);
    const desired = await openDesiredState(messaging, { log: SILENT });
    const snapshot = await desired.observe(signal);
    const statuses = await (await openStatusStore(messaging, { log: SILENT })).list(signal);
    await desired.close();
    return judgeFleet(snapshot, statuses);
  } finally {
    await messaging.close();
  }
}

async function requireBucket(messaging: Messaging, bucket: BucketName): Promise<void> {
  const { connection } = messaging;
  let answer;
  try {
    answer = await connection.request(`$JS.API.STREAM.INFO.KV_${bucket}`, "", { timeout: CONNECT_TIMEOUT_MS });
  } catch (cause) {
    const message = `NATS at ${connection.getServer()} does not answer for the bucket "${bucket}": JetStream is off there, or this user may not read it`;
    throw new UserError(message, 1, { cause });
  }
  const parsed = parseJson(StreamInfo, answer.data);
  if (!parsed.ok || parsed.value.error === undefined) return;
  const why =
    parsed.value.error.code === 404
      ? "no operator has served this server yet; start one (npm start -w iot/iot-operator), or name another server with --nats"
      : parsed.value.error.description;
  throw new UserError(`the bucket "${bucket}" is not on NATS at ${connection.getServer()}: ${why}`);
}

const nothing = (): void => undefined;
/** What goes wrong is told by the one sentence that ends the command. */
const SILENT: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, with: () => SILENT };
