// What devices said of their transitions, for the commands that show it: `iot history` and
// `iot trace`.

import { UserError } from "@harmony/runtime";
import type { DeviceId } from "@iot/contracts";
import { MessagingError, type Messaging, readDeviceHistory, type ToldTransition } from "@iot/messaging";
import { EXIT } from "../command-line/exit-codes.ts";

/** Of all devices no more are read, which takes some seconds. */
const MOST = 50_000;

interface Wanted {
  readonly device: DeviceId | null;
  readonly sinceMs: number | null;
}

export interface Transitions {
  /** In the order in which they were. */
  readonly transitions: readonly ToldTransition[];
  /** A sentence, where this is not all. */
  readonly missing: string | null;
}

/** @throws UserError */
export async function readTransitions(messaging: Messaging, { device, sinceMs }: Wanted, signal: AbortSignal): Promise<Transitions> {
  const read = await readDeviceHistory(messaging, { device, sinceMs, most: MOST }, signal).catch((error: unknown) => {
    if (!(error instanceof MessagingError) || error.code !== "NoStore") throw error;
    throw new UserError("this NATS keeps no history of devices: an operator of this version makes the stream for it", EXIT.failed, {
      cause: error,
    });
  });
  const transitions = inOrder(read.told);
  const missing = [
    ...(read.isCut ? [`there is more than ${MOST} transitions since then: name a device, or a later --since`] : []),
    ...(read.unreadable > 0 ? [`${read.unreadable} transitions cannot be read: their agents may be of another version`] : []),
  ];
  return { transitions, missing: missing.length === 0 ? null : missing.join("; ") };
}

/**
 * By time, and those of one device in the order in which it said them: on a slow link two may seem
 * to have changed places. Pure.
 */
export function inOrder(told: readonly ToldTransition[]): ToldTransition[] {
  const lastMs = new Map<string, number>();
  const steady = told.map((one) => {
    const atMs = one.isEstimated ? one.atMs : Math.max(one.atMs, lastMs.get(one.device) ?? -Infinity);
    if (!one.isEstimated) lastMs.set(one.device, atMs);
    return { ...one, atMs };
  });
  return steady.toSorted((a, b) => a.atMs - b.atMs || a.sequence - b.sequence);
}
