// The record of a deployment that the device keeps over a crash and a power cut, because Podman's
// own names and labels cannot express it: which version was good, that a new one is on trial, why
// one is not tried again, which containers we stopped for a while, and whose the volumes are.
// store/swap-journal.ts keeps it on the disk.

import * as z from "zod/mini";

const ScoreVersion = z.looseObject({ revision: z.string(), scoreString: z.string() });
export type ScoreVersion = z.output<typeof ScoreVersion>;

/** A service that failed; `why` ends without a full stop. */
const Failure = z.looseObject({ service: z.string(), reason: z.string(), why: z.string() });
export type Failure = z.output<typeof Failure>;

const Trial = z.looseObject({
  to: ScoreVersion,
  /** RFC 3339. */
  startedAt: z.string(),
  bootId: z.string(),
  /**
   * The number of times that the device went down during the trial, and when that was last found.
   */
  deviceFailures: z.int(),
  resumedAt: z.nullable(z.string()),
  /** A service could not be started, for a reason that does not heal by itself. */
  failure: z.nullable(Failure),
  /**
   * The last start failed for a reason that may pass: the old version serves until the next try.
   */
  setback: z.nullable(z.looseObject({ ...Failure.shape, at: z.string(), count: z.int() })),
  /**
   * The version stands by, and the old version serves in its place, until the next try: a device
   * that goes down meanwhile does not do so because of it.
   */
  isAside: z._default(z.boolean(), false),
});
export type Trial = z.output<typeof Trial>;

const Verdict = z.looseObject({ of: ScoreVersion, at: z.string(), reason: z.string(), message: z.string() });
export type Verdict = z.output<typeof Verdict>;

/** A service that keeps ending is down between two tries. */
const Crash = z.looseObject({ count: z.int(), startAt: z.string(), exitCode: z.int(), lastLine: z.string() });
export type Crash = z.output<typeof Crash>;

/** Ports that change hands with other deployments, in a circle. */
const Exchange = z.looseObject({
  /** The Score string of the version that is made ready, or has gone. */
  to: z.string(),
  /** The names of all of them, its own too, sorted. */
  with: z.array(z.string()),
  /** It has proved itself, and waits for the others. */
  passed: z.boolean(),
});
export type Exchange = z.output<typeof Exchange>;

/** A change or a removal waits for a container that is at work. */
const Waiting = z.looseObject({
  /** RFC 3339: the agent first saw that it waits. */
  since: z.string(),
  /** A person has said that it does not wait any longer. */
  isOver: z.boolean(),
});
export type Waiting = z.output<typeof Waiting>;

export const SwapRecord = z.looseObject({
  format: z.literal(1),
  /** The last version that proved itself, which is the one to go back to. */
  good: z.nullable(ScoreVersion),
  trial: z.nullable(Trial),
  /** The verdict on a Score that is not tried again until it changes or a person asks. */
  verdict: z.nullable(Verdict),
  /** The crashes, by service. */
  crashes: z.record(z.string(), Crash),
  /** The names of the containers that a hold stopped. */
  held: z.array(z.string()),
  /**
   * The time of its end, by container, when a person's stop ended it and its restart policy
   * respects that: at a boot Podman forgets that it was one.
   */
  stopped: z._default(z.record(z.string(), z.number()), {}),
  /**
   * Whose each volume is, by its name. It outlives the deployment, as the volumes do. Absent: it is
   * not known, as of what an agent before 0.2 made and removed.
   */
  volumes: z.optional(z.record(z.string(), z.string())),
  /** Absent: there is none. */
  exchange: z.optional(Exchange),
  /** Absent: nothing waits. */
  waiting: z.optional(Waiting),
});
export type SwapRecord = z.output<typeof SwapRecord>;

export const NOTHING_RECORDED: SwapRecord = { format: 1, good: null, trial: null, verdict: null, crashes: {}, held: [], stopped: {} };

/** The record of a removed deployment keeps this alone: whose its volumes are. */
export function withVolumesAlone(volumes: Readonly<Record<string, string>>): SwapRecord | null {
  return Object.keys(volumes).length === 0 ? null : { ...NOTHING_RECORDED, volumes: { ...volumes } };
}

/** What waits goes on, whatever is at work. */
export function endWaiting(record: SwapRecord, nowMs: number): SwapRecord {
  return { ...record, waiting: { since: record.waiting?.since ?? new Date(nowMs).toISOString(), isOver: true } };
}

/** Removes everything that keeps the version from being tried. */
export function resetFailed(record: SwapRecord): SwapRecord {
  const { trial } = record;
  const due = new Date(0).toISOString();
  return {
    ...record,
    trial: trial && { ...trial, deviceFailures: 0, failure: null, setback: null },
    verdict: null,
    // The record still shows that we stopped them.
    crashes: Object.fromEntries(Object.entries(record.crashes).map(([service, crash]) => [service, { ...crash, count: 0, startAt: due }])),
  };
}
