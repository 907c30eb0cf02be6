// Decides which Score should be in force now. It is the desired one, with two exceptions. If that
// has failed its trial, it is the last good one, until the desired one changes or a person asks. If
// that could not be started for a reason that may pass, it is the last good one, until the next
// try.

import type { Desired } from "@harmony/core";
import type { PodmanV0 } from "../score/podman-v0-schema.ts";
import { scoreOfLabel } from "../score/score-label.ts";
import type { SwapRecord } from "./swap-record.ts";

/** Each try stops and starts the serving version. */
const SETBACK = { baseMs: 15_000, maxMs: 600_000 };

export interface Target {
  readonly kind: "desired" | "rolled-back" | "waiting";
  readonly score: PodmanV0;
  readonly scoreString: string;
  readonly revision: string;
}

/** `score` is the desired one's. */
export function targetOf(desired: Desired<PodmanV0>, score: PodmanV0, record: SwapRecord, nowMs: number): Target {
  const { scoreString, revision } = desired;
  const isCondemned = record.verdict?.of.scoreString === scoreString;
  const isWaiting = record.trial?.to.scoreString === scoreString && untilNextTryMs(record, nowMs) > 0;
  return (
    (isCondemned ? goodOf(record, "rolled-back") : isWaiting ? goodOf(record, "waiting") : null) ?? {
      kind: "desired",
      score,
      scoreString,
      revision,
    }
  );
}

/** null: no version is known to be good, or the good one cannot be read any more. */
export function goodOf(record: SwapRecord, kind: Target["kind"]): Target | null {
  const score = record.good === null ? null : scoreOfLabel(record.good.scoreString);
  return record.good === null || score === null ? null : { kind, score, ...record.good };
}

/**
 * The desired version with the services of the version to go back to, whose images have to be there
 * as well.
 */
export function withWayBack(desired: Desired<PodmanV0>, record: SwapRecord): Desired<PodmanV0> {
  const { data } = desired;
  const good = goodOf(record, "rolled-back");
  return data === null || good === null ? desired : { ...desired, data: { ...data, services: [...data.services, ...good.score.services] } };
}

/** 0: now. */
export function untilNextTryMs({ trial }: SwapRecord, nowMs: number): number {
  if (trial === null || trial.setback === null) return 0;
  const { at, count } = trial.setback;
  const leftMs = Date.parse(at) + Math.min(SETBACK.maxMs, SETBACK.baseMs * 2 ** Math.min(count - 1, 10)) - nowMs;
  // A clock that was set back must not keep it waiting.
  return leftMs > SETBACK.maxMs ? 0 : Math.max(0, leftMs);
}
