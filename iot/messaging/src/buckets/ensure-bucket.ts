// A bucket that is there and fit: made when it is missing, checked and left as it is when somebody
// else made it. One that we made and that takes larger messages than we read, as an earlier
// operator made them, is brought to our limit; what lies there already stays.

import type { Log } from "@harmony/runtime";
import { type BucketName, BUCKETS, streamName } from "@iot/contracts";
import {
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  JetStreamError,
  jetstreamManager,
  type StreamInfo,
} from "@nats-io/jetstream";
import { askPersistently } from "./ask-persistently.ts";
import { settingProblems, streamConfig, takesTooMuch } from "./bucket-settings.ts";
import type { Messaging } from "../connection/connect.ts";
import { asMessagingError, MessagingError } from "../connection/messaging-error.ts";

export interface BucketOptions {
  /** The replicas of a bucket that is made here: 1 alone, 3 in a cluster. */
  readonly replicas?: number | undefined;
  /** Brings a bucket of ours to our limit. The operator does; whoever only looks leaves it. */
  readonly keepsLimits?: boolean;
  readonly log: Log;
}

const STREAM_NAME_IN_USE = 10058;

/** Skips the library's probe of the account: the first real request shows the same. */
export async function openJetStream(messaging: Messaging): Promise<JetStreamManager> {
  return jetstreamManager(messaging.connection, { checkAPI: false });
}

/** @throws MessagingError; `BucketSetting` names a setting that breaks the platform. */
export async function ensureBucket(jsm: JetStreamManager, bucket: BucketName, options: BucketOptions): Promise<StreamInfo> {
  const { log, replicas = 1 } = options;
  try {
    const found = (await find(jsm, bucket)) ?? (await create(jsm, bucket, { log, replicas }));
    const info = options.keepsLimits === true ? await withLimit(jsm, bucket, found, log) : found;
    const { config } = info;
    const problems = settingProblems(bucket, config);
    if (problems.length > 0) throw new MessagingError("BucketSetting", explainProblems(bucket, problems));
    if (options.replicas !== undefined && config.num_replicas !== replicas) {
      log.warn("bucket has another number of replicas than configured", { bucket, found: config.num_replicas, configured: replicas });
    }
    return info;
  } catch (error) {
    throw asBucketError(error, `failed to open bucket "${bucket}"`);
  }
}

async function find(jsm: JetStreamManager, bucket: BucketName) {
  try {
    return await askPersistently(() => jsm.streams.info(streamName(bucket)));
  } catch (error) {
    if (isApiError(error, JetStreamApiCodes.StreamNotFound)) return null;
    throw error;
  }
}

async function create(jsm: JetStreamManager, bucket: BucketName, { log, replicas }: { log: Log; replicas: number }) {
  try {
    const info = await jsm.streams.add(streamConfig(bucket, replicas));
    log.info("created bucket", { bucket, replicas });
    return info;
  } catch (error) {
    // Another operator was quicker.
    if (isApiError(error, STREAM_NAME_IN_USE)) return await jsm.streams.info(streamName(bucket));
    throw error;
  }
}

/**
 * What is refused here (a user who may not, a server that does not) is said: everybody reads with
 * limits of his own.
 */
async function withLimit(jsm: JetStreamManager, bucket: BucketName, info: StreamInfo, log: Log): Promise<StreamInfo> {
  if (!takesTooMuch(bucket, info.config)) return info;
  const { maxValueBytes } = BUCKETS[bucket];
  const fields = { bucket, found: info.config.max_msg_size, limit: maxValueBytes };
  try {
    const limited = await jsm.streams.update(streamName(bucket), { ...info.config, max_msg_size: maxValueBytes });
    log.info("brought the bucket to its limit of message size", fields);
    return limited;
  } catch (error) {
    log.warn("failed to bring the bucket to its limit of message size", { ...fields, error });
    return info;
  }
}

export function explainProblems(bucket: BucketName, problems: ReturnType<typeof settingProblems>): string {
  const each = problems.map(({ setting, found, expected, because }) => `${setting} is ${found} and must be ${expected} (${because})`);
  return (
    `bucket "${bucket}" was made with settings that break the platform: ${each.join("; ")}. ` +
    `Set it with "nats stream edit ${streamName(bucket)}", or remove the bucket: the operator makes it anew and fills it`
  );
}

export function isApiError(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}

/** What a failed request to JetStream's API means. */
export function asBucketError(error: unknown, what: string): MessagingError {
  if (error instanceof JetStreamApiError) {
    const isMissing = isApiError(error, JetStreamApiCodes.StreamNotFound) || isApiError(error, JetStreamApiCodes.ConsumerNotFound);
    return new MessagingError(isMissing ? "NoStore" : "Refused", `${what}: ${error.message}`, { cause: error });
  }
  if (error instanceof JetStreamError) {
    return new MessagingError("NoStore", `${what}: JetStream is off for this server or account; start nats-server with --jetstream`, {
      cause: error,
    });
  }
  return asMessagingError(error, what);
}
