// What a Score means on this device: the variant that makes it, or why nothing does. Each is
// resolved once, for as long as it is in hand.

import { type BoundVariant, formatIssues, type WorkloadReport } from "@harmony/core";
import { parseJson } from "@harmony/schema";
import { Score } from "@iot/contracts";
import type { DeploymentRecord, ScoreInHand } from "../desired/state-store.ts";
import type { Reason } from "../desired/reasons.ts";
import { unknownScoreType, unreadableScore } from "../desired/sentences.ts";

export interface ResolvedScore {
  readonly kind: "target";
  readonly variant: BoundVariant;
  readonly score: ScoreInHand;
  readonly data: unknown;
}

export interface Rejection {
  readonly kind: "rejection";
  readonly report: WorkloadReport;
}

export class ScoreResolver {
  readonly #variants: ReadonlyMap<string, BoundVariant>;
  readonly #resolved = new WeakMap<ScoreInHand, ResolvedScore | Rejection>();

  constructor(variants: readonly BoundVariant[]) {
    this.#variants = new Map(variants.map((variant) => [variant.type, variant]));
  }

  resolve(score: ScoreInHand): ResolvedScore | Rejection {
    const known = this.#resolved.get(score);
    if (known !== undefined) return known;
    const resolved = this.#read(score);
    this.#resolved.set(score, resolved);
    return resolved;
  }

  /**
   * The Score that is made: the one in hand, or, while that is rejected, the last that was
   * accepted.
   */
  inForce(record: DeploymentRecord | undefined): ResolvedScore | null {
    return this.targets(record)[0] ?? null;
  }

  /** Those of the Score in hand and the accepted one that a variant makes, in this order. */
  targets(record: DeploymentRecord | undefined): readonly ResolvedScore[] {
    return [record?.score, record?.accepted].flatMap((score) => {
      const resolved = score === undefined || score === null ? null : this.resolve(score);
      return resolved?.kind === "target" ? [resolved] : [];
    });
  }

  #read(score: ScoreInHand): ResolvedScore | Rejection {
    const parsed = parseJson(Score, score.scoreString);
    if (!parsed.ok) return rejection("InvalidScore", unreadableScore(formatIssues(parsed.issues)));
    const { type, data } = parsed.value;
    const variant = this.#variants.get(type);
    if (variant === undefined) {
      const known = [...this.#variants.keys()].join(", ");
      return rejection("UnknownScoreType", unknownScoreType(type, known));
    }
    const report = variant.check(data);
    return report === null ? { kind: "target", variant, data, score } : { kind: "rejection", report };
  }
}

function rejection(reason: Reason, message: string): Rejection {
  const report = { phase: "Rejected", reason, message, runningRevision: null, services: [], recheckAfterMs: null, settled: true } as const;
  return { kind: "rejection", report };
}
