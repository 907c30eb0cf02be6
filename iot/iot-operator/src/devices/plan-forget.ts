// Whether a device may be forgotten: who deletes its object, and who says `iot device forget`, get
// the same answer. What a device runs is not changed by it. Pure.

/** A device that reports is there, whatever anybody says. */
export const FORGOTTEN_AFTER_MS = 24 * 60 * 60_000;

export type ForgetPlan =
  | { readonly kind: "forget" }
  /** `reason` and `message` are for the person; `againMs`: when it may be forgotten, if it stays silent. */
  | { readonly kind: "wait"; readonly reason: "StillReporting"; readonly message: string; readonly againMs: number };

/** `ageMs`: since it was last heard, by the server's clock; null: it has never reported. */
export function planForget({ device, ageMs, lastSeenAt }: { device: string; ageMs: number | null; lastSeenAt: string | null }): ForgetPlan {
  if (ageMs === null || ageMs >= FORGOTTEN_AFTER_MS) return { kind: "forget" };
  const message =
    `${device} reported at ${(lastSeenAt ?? "").slice(0, 19)}Z: it is forgotten once it has been silent for 24 h, ` +
    "so switch it off, or disable its identity (iot device disable)";
  return { kind: "wait", reason: "StillReporting", message, againMs: FORGOTTEN_AFTER_MS - ageMs };
}
