// A Plan is what a pure planner decided from what should be and what is. Why nothing happens is data too: `blocked` is what
// the status, the command line and the person at the device read.

/** A subject that cannot go on now, and may without a new Score. */
export interface Blocked {
  /** What is held up, e.g. a service's name. */
  readonly subject: string;
  /** A word for machines, e.g. `PortInUse`. */
  readonly reason: string;
  /** One sentence for a person: what is wrong and what would mend it. */
  readonly message: string;
}

/** What one named stage of a planner made of what it was shown. */
export interface StageReport {
  /** Kebab-case, e.g. `start-services`. */
  readonly name: string;
  readonly outcome: "acted" | "stoodBack";
  /** A clause for a person: what it acted for, or why there was nothing to do for it. */
  readonly why: string;
}

/** Steps are applied in order; each says all that its execution needs. No steps and nothing blocked: the world is as it should be. */
export interface Plan<Step> {
  readonly steps: readonly Step[];
  readonly blocked: readonly Blocked[];
  /** When to look again although nothing was heard; null: at the next relist. */
  readonly recheckAfterMs: number | null;
  /** The stages that were asked, in order; not there: the planner has none. */
  readonly stages?: readonly StageReport[];
}

/**
 * What came of one step.
 * `replan`: the world is not as the plan took it to be, or what came of the step has to be known before the next one.
 * `blocked` heals without a new Score and is tried again for ever with back-off; `failed` is a fault that is tried again too, but
 * is nobody's condition to wait for; `rejected` does not heal until the Score changes.
 */
export type Outcome =
  | { readonly kind: "changed" }
  | { readonly kind: "unchanged" }
  | { readonly kind: "replan" }
  | ({ readonly kind: "blocked" | "failed" | "rejected" } & Blocked);
