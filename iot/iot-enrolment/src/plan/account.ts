// What the account of a device at Zitadel lacks, from its record and what Zitadel shows of it. Zitadel
// shows later than it takes: what was sent and is not shown yet is waited for, and not sent again. A
// key is written into the record when it is shown, so that no device is given one too early.

import type { DeviceRecord, ZitadelAccount } from "@iot/identity";
import { keep } from "./admit.ts";
import { type Held, type Plan, refused } from "./held.ts";

export interface AccountSeen {
  readonly keys: readonly string[];
  readonly hasRole: boolean;
}

/** What this process has sent. */
export interface AccountSent {
  readonly isMade: boolean;
  readonly isRoleSent: boolean;
  /** Zitadel's name of a key, by ours. */
  readonly keys: ReadonlyMap<string, string>;
}

export type AccountStep =
  | { readonly step: "addMachine" | "addRole" }
  | { readonly step: "addKey"; readonly keyId: string; readonly publicKey: string }
  | { readonly step: "removeKey"; readonly zitadelKeyId: string }
  | { readonly step: "keep"; readonly keyId: string; readonly zitadelKeyId: string }
  | { readonly step: "wait" };

/** Nothing: the account is what the record says. */
export function planAccount(record: DeviceRecord, seen: AccountSeen, sent: AccountSent): readonly AccountStep[] {
  if (record.state === "disabled") return [];
  const steps: AccountStep[] = [];
  if (!seen.hasRole) {
    if (!sent.isMade) steps.push({ step: "addMachine" });
    steps.push(sent.isRoleSent ? { step: "wait" } : { step: "addRole" });
  }
  const known = new Set<string>();
  for (const { keyId, publicKey, zitadelKeyId } of record.keys) {
    const kept = zitadelKeyId !== undefined && seen.keys.includes(zitadelKeyId) ? zitadelKeyId : sent.keys.get(keyId);
    if (kept !== undefined) known.add(kept);
    if (kept === undefined) steps.push({ step: "addKey", keyId, publicKey });
    else if (!seen.keys.includes(kept)) steps.push({ step: "wait" });
    else if (kept !== zitadelKeyId && seen.hasRole) steps.push({ step: "keep", keyId, zitadelKeyId: kept });
  }
  for (const key of seen.keys) if (!known.has(key)) steps.push({ step: "removeKey", zitadelKeyId: key });
  return steps;
}

export function planAccountKey(held: Held, device: string, keyId: string, zitadelKeyId: string): Plan<null> {
  const record = held.device(device).value;
  if (record === null) return refused(404, `there is no device "${device}"`);
  const keys = record.keys.map((key) => (key.keyId === keyId ? { ...key, zitadelKeyId } : key));
  return { kind: "do", writes: keep(held, { ...record, keys }), answer: null };
}

/**
 * Whether the device has moved: from then on Zitadel alone says whether it gets a token. A service
 * that has no Zitadel any more takes it back.
 */
export function planAccountUsed(held: Held, device: string, isUsed: boolean): Plan<null> {
  const record = held.device(device).value;
  if (record === null) return refused(404, `there is no device "${device}"`);
  const keys = record.keys.map(({ isUsedAtZitadel: _, ...key }) =>
    isUsed && key.zitadelKeyId !== undefined ? { ...key, isUsedAtZitadel: true } : key,
  );
  return { kind: "do", writes: keep(held, { ...record, keys }), answer: null };
}

export interface AccountPlace {
  readonly url: string;
  readonly project: string;
  readonly ca?: string | undefined;
}

/** null: it has none yet, or the service has no Zitadel. */
export function accountOf(record: DeviceRecord, keyId: string, place: AccountPlace | null, nowMs: number): ZitadelAccount | null {
  const key = record.keys.find((each) => each.keyId === keyId);
  // A token that Zitadel gave sooner would not count.
  const isSoon = nowMs < (record.tokensNotBefore ?? 0) * 1_000;
  if (place === null || key?.zitadelKeyId === undefined || isSoon) return null;
  const account = { issuer: place.url, project: place.project, keyId: key.zitadelKeyId };
  return place.ca === undefined ? account : { ...account, ca: place.ca };
}
