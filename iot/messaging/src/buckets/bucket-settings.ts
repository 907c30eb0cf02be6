// What a bucket's stream must be for the platform to work, and what breaks when it is not. Pure. A
// bucket that is missing is made with `streamConfig`; one that was made by hand is never altered:
// its settings are checked, and one that breaks us is named, with what it does and what it should
// be. Ours bears our description, and is brought to our limit of message size. Settings that are
// only unusual (replicas, history, limits on a wide scale) are left alone.

import { BUCKETS, type BucketName, OFFLINE_AFTER_MS, streamName } from "@iot/contracts";
import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from "@nats-io/jetstream";
import { nanos } from "@nats-io/nats-core";

export interface SettingProblem {
  readonly setting: string;
  readonly found: string;
  readonly expected: string;
  readonly because: string;
}

/**
 * Makes a bucket as the KV library does, but with roll-ups only where no device writes: that
 * library always allows them.
 */
export function streamConfig(bucket: BucketName, replicas: number): Partial<StreamConfig> & { name: string } {
  const { description, history, allowRollup, republish, maxValueBytes } = BUCKETS[bucket];
  return {
    name: streamName(bucket),
    description,
    subjects: [`$KV.${bucket}.>`],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_msgs_per_subject: history,
    max_msg_size: maxValueBytes,
    num_replicas: replicas,
    allow_direct: true,
    allow_rollup_hdrs: allowRollup,
    deny_delete: true,
    // The notice is a hint: who gets it reads for himself, and a metered link does not carry the
    // manifest twice.
    ...(republish === null ? {} : { republish: { src: republish.from, dest: republish.to, headers_only: true } }),
  };
}

/** Ours, and of a time when the limit was higher or was taken off. */
export function takesTooMuch(bucket: BucketName, { description, max_msg_size: bytes }: StreamConfig): boolean {
  const ours = BUCKETS[bucket];
  return description === ours.description && (bytes < 0 || bytes > ours.maxValueBytes);
}

export function settingProblems(bucket: BucketName, config: StreamConfig): SettingProblem[] {
  const { allowRollup, republish, maxValueBytes } = BUCKETS[bucket];
  const problems: SettingProblem[] = [];
  const expect = (isRight: boolean, setting: string, found: unknown, expected: string, because: string): void => {
    if (!isRight) problems.push({ setting, found: found === undefined ? "nothing" : JSON.stringify(found), expected, because });
  };
  const subject = `$KV.${bucket}.>`;
  const isRepublished = config.republish?.src === republish?.from && config.republish?.dest === republish?.to;
  const keepsMs = bucket === "status" ? OFFLINE_AFTER_MS : Infinity;

  expect(config.subjects.includes(subject), "subjects", config.subjects, `["${subject}"]`, "keys outside it are not stored");
  expect(config.mirror === undefined, "mirror", config.mirror?.name, "none", "a mirror takes no writes");
  expect(
    config.subject_transform === undefined,
    "subject_transform",
    config.subject_transform,
    "none",
    "entries would not stand under their keys",
  );
  expect(!config.sealed, "sealed", config.sealed, "false", "nothing can be written");
  expect(!(config.no_ack ?? false), "no_ack", config.no_ack, "false", "every write waits for an acknowledgement");
  expect(
    config.retention === RetentionPolicy.Limits,
    "retention",
    config.retention,
    '"limits"',
    "entries would go when somebody reads them",
  );
  expect(config.discard === DiscardPolicy.New, "discard", config.discard, '"new"', "a full bucket would silently drop the oldest entries");
  expect(
    config.max_msgs_per_subject >= 1,
    "max_msgs_per_subject",
    config.max_msgs_per_subject,
    "1",
    "it would grow with every write, for ever",
  );
  expect(
    config.max_msg_size < 0 || config.max_msg_size >= maxValueBytes,
    "max_msg_size",
    config.max_msg_size,
    `${maxValueBytes} or more`,
    "larger documents would be refused",
  );
  expect(
    config.max_age === 0 || config.max_age >= nanos(keepsMs),
    "max_age",
    config.max_age,
    keepsMs === Infinity ? "0" : `0, or ${keepsMs} ms or more`,
    bucket === "status" ? "a status would be forgotten before the device counts as offline" : "entries would vanish with time",
  );
  if (bucket !== "status") {
    expect(config.storage === StorageType.File, "storage", config.storage, '"file"', "a restart of the server would forget everything");
  }
  if (!allowRollup) {
    expect(!config.allow_rollup_hdrs, "allow_rollup_hdrs", config.allow_rollup_hdrs, "false", "one device could purge the entries of all");
  }
  if (bucket === "desired-state") {
    expect(config.allow_direct, "allow_direct", config.allow_direct, "true", "devices may only read by direct gets");
  }
  if (republish !== null) {
    const expected = JSON.stringify({ src: republish.from, dest: republish.to });
    expect(isRepublished, "republish", config.republish, expected, "devices would not hear of changes");
  }
  return problems;
}
