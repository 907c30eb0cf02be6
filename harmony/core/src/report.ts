// The report of a workload. It has the same shape from every Score variant, so that transport,
// operator and status know none of them.

export const PHASES = [
  "Pending",
  "Pulling",
  "Starting",
  "Running",
  "Degraded",
  "Stopping",
  "RolledBack",
  "Failed",
  "Rejected",
  "Blocked",
  "Held",
  "Removing",
] as const;

export type Phase = (typeof PHASES)[number];

/** One part of a workload, in the words of its runtime. */
export interface ServiceReport {
  readonly name: string;
  readonly phase: Phase;
  readonly image?: string | undefined;
  readonly imageDigest?: string | undefined;
  readonly health?: string | undefined;
  readonly restarts?: number | undefined;
  /** RFC 3339. */
  readonly startedAt?: string | undefined;
}

/**
 * The state of one workload.
 *
 * @example
 * const good: WorkloadReport = {
 *   phase: "Running",
 *   reason: "Running",
 *   message: "running web:2",
 *   runningRevision: "7",
 *   services: [{ name: "web", phase: "Running", image: "web:2" }],
 *   recheckAfterMs: null,
 *   settled: true,
 * };
 */
export interface WorkloadReport {
  readonly phase: Phase;
  /** A word for machines, e.g. `ImageNotFound`; equal to the phase when there is nothing to add. */
  readonly reason: string;
  /** One sentence for a person: what is, or what is wrong and what would fix it. */
  readonly message: string;
  /** The revision that runs now, as far as is known; null: none. */
  readonly runningRevision: string | null;
  readonly services: readonly ServiceReport[];
  /**
   * The time until the next reconcile although no event came; null: at the next relist, or with
   * back-off if not settled. Never on the wire.
   */
  readonly recheckAfterMs: number | null;
  /** Nothing is left to do: the world is as the Score says (or, after a removal, empty). */
  readonly settled: boolean;
}
