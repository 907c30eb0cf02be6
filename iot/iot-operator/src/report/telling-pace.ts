// How often the owner of a Deployment is told what became of it. What the owner did, and the first
// news of a state, is told at once; what a device can change as often as it likes is not: words
// alone at most every 10 s, and counters as often as that for long, after a burst in which a
// roll-out is seen. Whoever is told the same again writes nothing. Pure but for what it remembers.

import { canonicalJson } from "@harmony/schema";
import type { DeploymentResult } from "../sources/source.ts";

export const WORDS_EVERY_MS = 10_000;
/** Tellings that may follow each other at once, and how soon one of them is there again. */
export const BURST = 20;
export const REFILL_MS = 5_000;

interface Told {
  readonly result: DeploymentResult;
  readonly words: string;
  readonly atMs: number;
  /** Of BURST, at `atMs`. */
  readonly left: number;
}

export class TellingPace {
  readonly #told = new Map<string, Told>();

  /** What is to be told now: the result, or what was told last. */
  paced(result: DeploymentResult, nowMs: number): DeploymentResult {
    const told = this.#told.get(result.uid);
    if (told?.result === result) return result;
    const words = canonicalJson([result.conditions, result.aggregate]);
    if (told === undefined || !isOwnersSame(result, told.result)) return this.#tell({ result, words, atMs: nowMs, left: BURST });
    if (words === told.words) return told.result;
    const left = Math.min(BURST, told.left + (nowMs - told.atMs) / REFILL_MS);
    const isDue = left >= 1 && (!isStateSame(result, told.result) || nowMs - told.atMs >= WORDS_EVERY_MS);
    return isDue ? this.#tell({ result, words, atMs: nowMs, left: left - 1 }) : told.result;
  }

  keepOnly(uids: ReadonlySet<string>): void {
    for (const uid of this.#told.keys()) if (!uids.has(uid)) this.#told.delete(uid);
  }

  #tell(told: Told): DeploymentResult {
    this.#told.set(told.result.uid, told);
    return told.result;
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
