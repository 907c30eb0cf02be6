// A Plan is the decision of a pure planner from what should be and what is. The reason why nothing
// happens is data too: status, command line and the person at the device read `blocked`.

/** A subject that cannot go on now, and may without a new Score. */
export interface Blocked<Reason extends string = string> {
  /** The part that is held up, e.g. a service's name. */
  readonly subject: string;
  /** A word for machines, e.g. `PortInUse`. A package that gives reasons has a list of them. */
  readonly reason: Reason;
  /** One sentence for a person: what is wrong and what would fix it. */
  readonly message: string;
}

/** The result of one named stage of a planner. */
export interface StageReport {
  /** Kebab-case, e.g. `start-services`. */
  readonly name: string;
  readonly outcome: "acted" | "stoodBack";
  /** A clause for a person: what it acted for, or why there was nothing to do. */
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
  /** The time until the next look although no event came; null: at the next relist. */
  readonly recheckAfterMs: number | null;
  /** The stages that were asked, in order; absent: the planner has none. */
  readonly stages?: readonly StageReport[];
}

/**
 * The result of one step. `blocked` heals without a new Score and is tried again for ever with
 * back-off. `failed` is a fault that is tried again too, but nobody waits for its condition.
 * `rejected` does not heal until the Score changes.
 *
 * `code` names in a word the refusal that the planner may have an answer to (`Reconciler.answer`),
 * e.g. `disk-full`, and `detail` is the text of the part that refused; without a code there is no
 * answer. `bytes` is what came over the network for it. A step that is worth trying and holds nothing up may be `unchanged` and still have a
 * code.
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
export type Outcome<Reason extends string = string> = { readonly code?: string; readonly detail?: string; readonly bytes?: number } & (
  | { readonly kind: "changed" | "unchanged" }
  | ({ readonly kind: "blocked" | "failed" | "rejected" } & Blocked<Reason>)
);

/** A step that was applied. */
export interface Done<Step> {
  readonly step: Step;
  readonly outcome: Outcome;
}
