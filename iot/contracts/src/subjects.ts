// Builds every key and subject, from names that were checked: a `.`, `*`, `>` or space in a name
// would address somebody else's key. The grammar is the long-term one (transport.md).

import { DNS_LABEL } from "@harmony/schema";
import type { BucketName } from "./documents/buckets.ts";
import type { CommandVerb } from "./commands.ts";

declare const checked: unique symbol;
/** A DNS label that names a device. */
export type DeviceId = string & { readonly [checked]: "device" };
/** A DNS label that names a deployment. */
export type DeploymentName = string & { readonly [checked]: "deployment" };

function isDeviceId(text: string): text is DeviceId {
  return DNS_LABEL.test(text);
}

function isDeploymentName(text: string): text is DeploymentName {
  return DNS_LABEL.test(text);
}

/** @throws RangeError naming the character that is not allowed. */
export function asDeviceId(text: string): DeviceId {
  if (isDeviceId(text)) return text;
  throw refusal(text, "device id");
}

/** @throws RangeError naming the character that is not allowed. */
export function asDeploymentName(text: string): DeploymentName {
  if (isDeploymentName(text)) return text;
  throw refusal(text, "deployment name");
}

function refusal(text: string, what: string): RangeError {
  const wrong = /[^a-z0-9-]/.exec(text)?.[0];
  const why =
    wrong !== undefined
      ? `has ${JSON.stringify(wrong)}`
      : text === ""
        ? "is empty"
        : text.length > 63
          ? `has ${text.length} characters`
          : "begins or ends with a hyphen";
  return new RangeError(
    `${what} ${JSON.stringify(text)} ${why}: it must be a DNS label (at most 63 of a-z, 0-9 and -, first and last a letter or digit)`,
  );
}

/** Keys in the buckets. */
export const keys = {
  manifest: (device: DeviceId): string => device,
  score: (device: DeviceId, deployment: DeploymentName): string => `${device}.${deployment}`,
  status: (device: DeviceId): string => device,
  inventory: (device: DeviceId): string => device,
} as const;

/** The subjects under which the buckets' streams keep their keys. */
export const subjects = {
  manifest: (device: DeviceId): string => `$KV.desired-state.${keys.manifest(device)}`,
  score: (device: DeviceId, deployment: DeploymentName): string => `$KV.desired-state.${keys.score(device, deployment)}`,
  status: (device: DeviceId): string => `$KV.status.${keys.status(device)}`,
  inventory: (device: DeviceId): string => `$KV.inventory.${keys.inventory(device)}`,
} as const;

/**
 * The subject on which the server announces that a device's manifest changed: a hint, never data.
 */
export function notifySubject(device: DeviceId | "*"): string {
  return `notify.desired-state.${device}`;
}

/** The stream behind a bucket. */
export function streamName(bucket: BucketName): string {
  return `KV_${bucket}`;
}

/**
 * The only read that a permission can scope to one device: a direct get with the subject appended.
 */
export function directGetSubject(bucket: BucketName, subject: string): string {
  return `$JS.API.DIRECT.GET.${streamName(bucket)}.${subject}`;
}

/**
 * The subjects under which a device asks for its own documents, publishes its reports, and hears of
 * a change. `*` stands for all devices.
 */
export interface DeviceSubjects {
  readonly manifest: string;
  readonly score: (deployment: DeploymentName | "*") => string;
  readonly status: string;
  readonly inventory: string;
  /** Where a device reads its inventory back. */
  readonly inventoryRead: string;
  readonly notice: string;
}

/**
 * What a device says once, and the server keeps: under one name, since agents of 0.1 say neither.
 */
export function historySubject(device: DeviceId | "*"): string {
  return `iot.history.${device}`;
}

/** What people did on a device, by the device's own word. */
export function deviceAuditSubject(device: DeviceId | "*"): string {
  return `iot.audit.${device}`;
}

/**
 * Where people read a stream, many messages at once: a direct get of a batch. A bucket goes by its
 * own name.
 */
export function readSubjects(stream: string): { readonly own: string; readonly bucket: string } {
  return { own: `iot.read.${stream.replace(/^KV_/, "")}`, bucket: `$JS.API.DIRECT.GET.${stream}` };
}

/**
 * Our own names: the devices' account maps them to the buckets'. They cross a leaf node, `$JS.` and
 * `$KV.` do not.
 */
export function ownSubjects(device: DeviceId | "*"): DeviceSubjects {
  return {
    manifest: `iot.manifest.${device}`,
    score: (deployment) => `iot.score.${device}.${deployment}`,
    status: `iot.status.${device}`,
    inventory: `iot.inventory.${device}`,
    inventoryRead: `iot.inventory-read.${device}`,
    notice: `iot.notice.${device}`,
  };
}

/** The buckets' own names, for a server that maps nothing. */
export function bucketSubjects(device: DeviceId | "*"): DeviceSubjects {
  return {
    manifest: directGetSubject("desired-state", `$KV.desired-state.${device}`),
    score: (deployment) => directGetSubject("desired-state", `$KV.desired-state.${device}.${deployment}`),
    status: `$KV.status.${device}`,
    inventory: `$KV.inventory.${device}`,
    inventoryRead: directGetSubject("inventory", `$KV.inventory.${device}`),
    notice: notifySubject(device),
  };
}

/** Where people ask a device. `*` stands for all devices, and for all verbs. */
export function commandSubject(device: DeviceId | "*", verb: CommandVerb | "*"): string {
  return `iot.command.${device}.${verb}`;
}

/** Where who opened a session goes on sending. `*` stands for all devices, and for all sessions. */
export function sessionInputSubject(device: DeviceId | "*", session: string): string {
  return `iot.session.${device}.${session}.in`;
}

/** The device of a one-token key (`pi-1`), or null when it is none. */
export function deviceOfKey(key: string): DeviceId | null {
  return isDeviceId(key) ? key : null;
}

/** The parts of a Score's key (`pi-1.hello-world`), or null when it is none. */
export function scoreKeyParts(key: string): { device: DeviceId; deployment: DeploymentName } | null {
  const [device = "", deployment = "", ...rest] = key.split(".");
  return rest.length === 0 && isDeviceId(device) && isDeploymentName(deployment) ? { device, deployment } : null;
}
