// The streams of what devices say once: their transitions, and what people did on them. The
// operator makes them; one that is there is somebody's choice. Each device has its own number of
// messages in each, so that one that floods pushes out its own alone.

import type { Log } from "@harmony/runtime";
import { DEVICE_AUDIT, DEVICE_HISTORY } from "@iot/contracts";
import { DiscardPolicy, JetStreamApiCodes, RetentionPolicy, StorageType, type StreamConfig } from "@nats-io/jetstream";
import { nanos } from "@nats-io/nats-core";
import { asBucketError, isApiError, openJetStream } from "../buckets/ensure-bucket.ts";
import type { Messaging } from "../connection/connect.ts";

const DAY_MS = 86_400_000;

/** @throws MessagingError */
export async function ensureToldStreams(
  messaging: Messaging,
  { replicas = 1, log }: { readonly replicas?: number; readonly log: Log },
): Promise<void> {
  const jsm = await openJetStream(messaging);
  for (const config of [HISTORY, AUDIT]) {
    try {
      await jsm.streams.info(config.name);
    } catch (error) {
      if (!isApiError(error, JetStreamApiCodes.StreamNotFound)) throw asBucketError(error, `failed to open the stream "${config.name}"`);
      await jsm.streams.add({ ...config, num_replicas: replicas }).catch((cause: unknown) => {
        throw asBucketError(cause, `failed to make the stream "${config.name}"`);
      });
      log.info("created stream", { stream: config.name, replicas });
    }
  }
}

type Settings = Partial<StreamConfig> & { readonly name: string };

function settings(
  of: typeof DEVICE_HISTORY | typeof DEVICE_AUDIT,
  more: Partial<StreamConfig> & { readonly description: string },
): Settings {
  return {
    name: of.stream,
    subjects: [...of.subjects],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_msgs_per_subject: of.perDevice,
    max_age: nanos(of.maxAgeDays * DAY_MS),
    max_msg_size: of.maxEventBytes,
    allow_direct: true,
    // A device could purge what all said.
    allow_rollup_hdrs: false,
    ...more,
  };
}

const HISTORY = settings(DEVICE_HISTORY, { description: "the last transitions of each device: iot.history.<device>" });
const AUDIT = settings(DEVICE_AUDIT, {
  description: "what people did on each device, by its own word: iot.audit.<device>",
  max_bytes: DEVICE_AUDIT.maxBytes,
  deny_delete: true,
  deny_purge: true,
});
