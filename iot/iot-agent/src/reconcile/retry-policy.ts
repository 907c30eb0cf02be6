// When a deployment is reconciled again although nobody asked. Pure.

import type { WorkloadReport } from "@harmony/core";
import { backoffMs } from "@harmony/runtime";

/**
 * What stands in the way is often gone in a moment: the network of a container that was just
 * stopped holds its port for some milliseconds more, and until the next try the service is down. So
 * the first tries come quickly.
 */
const TROUBLE = { baseMs: 50, maxMs: 30_000 };

export interface NextLook {
  /** Null: at the next relist. */
  readonly afterMs: number | null;
  /** Tries in a row that did not get there, this one included. */
  readonly attempts: number;
}

/** `attempts`: those before this report. */
export function nextLook(report: Pick<WorkloadReport, "phase" | "settled" | "recheckAfterMs">, attempts: number): NextLook {
  const { phase, settled, recheckAfterMs } = report;
  const isTrouble = phase === "Blocked" || phase === "Failed";
  // It is on its way, and the variant knows when there may be news.
  if (!isTrouble && (settled || recheckAfterMs !== null)) return { afterMs: recheckAfterMs, attempts: 0 };
  // A look at what is lacking is cheap. What was tried and failed names no time, and is given more
  // and more.
  return { afterMs: Math.min(backoffMs(attempts + 1, TROUBLE), recheckAfterMs ?? Infinity), attempts: attempts + 1 };
}
