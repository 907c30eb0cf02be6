// The consumer by which a bucket is mirrored: the latest entries of all keys, then every change. It
// says each second that it is there.

import { AckPolicy, type ConsumerConfig, DeliverPolicy } from "@nats-io/jetstream";
import { nanos } from "@nats-io/nats-core";
import type { BucketName } from "@iot/contracts";

export const HEARTBEAT_MS = 1_000;

interface MirroredKeys {
  readonly bucket: BucketName;
  /** Keys of one word alone. */
  readonly onlyTopKeys?: boolean | undefined;
}

/** `name`: ours, so that to be added twice is to be added once. */
export function mirrorConsumer(keys: MirroredKeys, name: string, inbox: string): Partial<ConsumerConfig> {
  const { bucket, onlyTopKeys = false } = keys;
  return {
    name,
    deliver_subject: inbox,
    deliver_policy: DeliverPolicy.LastPerSubject,
    filter_subject: `$KV.${bucket}.${onlyTopKeys ? "*" : ">"}`,
    ack_policy: AckPolicy.None,
    max_deliver: 1,
    flow_control: true,
    idle_heartbeat: nanos(HEARTBEAT_MS),
    mem_storage: true,
    num_replicas: 1,
  };
}
