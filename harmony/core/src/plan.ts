// A Plan is what a pure planner decided from what should be and what is. Why nothing happens is
// data too: `blocked` is what the status, the command line and the person at the device read.

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

/**
 * Steps are applied in order; each says all that its execution needs. No steps and nothing blocked:
 * the world is as it should be.
 *
 * @example
 * const waiting: Plan<Step> = {
 *   steps: [],
 *   blocked: [{ subject: "web", reason: "DeviceMissing", message: "/dev/ttyUSB0: plug it in" }],
 *   recheckAfterMs: 10_000,
 *   stages: [{ name: "start", outcome: "stoodBack", why: "something stands in the way of web" }],
 * };
 */
export interface Plan<Step> {
  readonly steps: readonly Step[];
  readonly blocked: readonly Blocked[];
  /** When to look again although nothing was heard; null: at the next relist. */
  readonly recheckAfterMs: number | null;
  /** The stages that were asked, in order; not there: the planner has none. */
  readonly stages?: readonly StageReport[];
}

/**
 * What came of one step. `blocked` heals without a new Score and is tried again for ever with
 * back-off; `failed` is a fault that is tried again too, but is nobody's condition to wait for;
 * `rejected` does not heal until the Score changes.
 *
 * `code` says in a word of the one that refused, e.g. `disk-full`, what the planner may have an
 * answer to (`Reconciler.answer`), and `detail` what it said; without a code there is no answer. A
 * step that is worth trying and holds nothing up may be `unchanged` and have a code all the same.
 *
 * @example
 * const missing: Outcome = {
 *   kind: "blocked",
 *   subject: "web",
 *   reason: "ImageNotFound",
 *   message: 'image "web:2" does not exist in its registry: correct it, or push the image',
 *   code: "image-not-found",
 *   detail: "manifest unknown",
 * };
 */
export type Outcome = { readonly code?: string; readonly detail?: string } & (
  | { readonly kind: "changed" | "unchanged" }
  | ({ readonly kind: "blocked" | "failed" | "rejected" } & Blocked)
);

/** A step that was applied. */
export interface Done<Step> {
  readonly step: Step;
  readonly outcome: Outcome;
}
