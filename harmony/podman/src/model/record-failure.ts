// What a failed start means to the trial that it belongs to. Pure.

import type { Outcome } from "@harmony/core";
import type { SwapRecord } from "./swap-record.ts";

/** What came of a start, where it decides on the trial; null: it does not. */
export function recordFailure(record: SwapRecord, outcome: Outcome, detail: string, nowMs: number): SwapRecord | null {
  const { trial } = record;
  // Damage is mended before the next try.
  if (trial === null || !("reason" in outcome) || outcome.reason === "ImageDamaged") return null;
  const { subject: service, reason, message } = outcome;
  if (outcome.kind === "blocked") {
    const setback = { service, reason, why: message, at: new Date(nowMs).toISOString(), count: (trial.setback?.count ?? 0) + 1 };
    return { ...record, trial: { ...trial, setback, isAside: true } };
  }
  if (reason !== "StartFailed") return null;
  return { ...record, trial: { ...trial, failure: { service, reason, why: `it could not be started: ${detail}` } } };
}
