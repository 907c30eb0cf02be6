// A moment or a span of time, as a person types it.

import { UserError } from "@harmony/runtime";
import { EXIT } from "../command-line/exit-codes.ts";

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3_600, d: 86_400 };

/** `10m`, `2h`; null: it is no span. */
export function spanSeconds(text: string): number | null {
  const [, count, unit = ""] = /^(\d+(?:\.\d+)?)(s|m|min|h|d)$/.exec(text.trim()) ?? [];
  return count === undefined ? null : Number(count) * (UNIT_SECONDS[unit] ?? 0);
}

/** In milliseconds since the epoch. @throws UserError */
export function momentOf(text: string, nowMs: number): number {
  const seconds = spanSeconds(text);
  if (seconds !== null) return Math.round(nowMs - seconds * 1_000);
  const at = /^\d{4}-\d\d-\d\d/.test(text.trim()) ? Date.parse(text.trim()) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new UserError(`"${text}" is no time: write 10m, 2h or 1d for that long ago, or a time as 2026-01-31T10:00:00Z`, EXIT.usage);
}
