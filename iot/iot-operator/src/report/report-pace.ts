// How often the owner of a Deployment hears what became of it. What the owner did, and the first
// news of a state, is reported at once; what a device can change as often as it likes is not: words
// alone at most every 10 s, and counters as often as that for long, after a burst in which a
// roll-out is seen. A report that is the same again writes nothing. Pure but for what it remembers.

import { canonicalJson } from "@harmony/schema";
import type { DeploymentResult } from "../sources/source.ts";

export const WORDS_EVERY_MS = 10_000;
/** Reports that may follow each other at once, and how soon one of them is there again. */
export const BURST = 20;
export const REFILL_MS = 5_000;

interface Last {
  readonly result: DeploymentResult;
  readonly words: string;
  readonly atMs: number;
  /** What was left of BURST at `atMs`. */
  readonly left: number;
}

export class ReportPace {
  readonly #last = new Map<string, Last>();

  /** What is to be reported now: the result, or what was reported last. */
  paced(result: DeploymentResult, nowMs: number): DeploymentResult {
    const last = this.#last.get(result.uid);
    if (last?.result === result) return result;
    const words = canonicalJson([result.conditions, result.aggregate]);
    if (last === undefined || !isOwnersSame(result, last.result)) return this.#report({ result, words, atMs: nowMs, left: BURST });
    if (words === last.words) return last.result;
    const left = Math.min(BURST, last.left + (nowMs - last.atMs) / REFILL_MS);
    const isDue = left >= 1 && (!isStateSame(result, last.result) || nowMs - last.atMs >= WORDS_EVERY_MS);
    return isDue ? this.#report({ result, words, atMs: nowMs, left: left - 1 }) : last.result;
  }

  keepOnly(uids: ReadonlySet<string>): void {
    for (const uid of this.#last.keys()) if (!uids.has(uid)) this.#last.delete(uid);
  }

  #report(last: Last): DeploymentResult {
    this.#last.set(last.result.uid, last);
    return last.result;
  }
}

/** What the owner changes. */
function isOwnersSame(a: DeploymentResult, b: DeploymentResult): boolean {
  return a.generation === b.generation && a.scoreString === b.scoreString;
}

/** All but words: the conditions' statuses and the counters. */
function isStateSame(a: DeploymentResult, b: DeploymentResult): boolean {
  return stateOf(a) === stateOf(b);
}

function stateOf({ conditions: { Ready, Reconciling, Stalled }, aggregate }: DeploymentResult): string {
  const { devices, running, pending, failed, offline } = aggregate;
  return [Ready.status, Reconciling.status, Stalled.status, devices, running, pending, failed, offline].join();
}
