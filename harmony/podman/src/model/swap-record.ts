// What the device has to remember of a deployment over a crash and a power cut, because Podman's
// own names and labels cannot say it: which version was good, that a new one is on trial, why one
// is not tried again, and what was stopped by us for a while. store/swap-journal.ts keeps it on the
// disk.

import * as z from "zod/mini";

const ScoreVersion = z.looseObject({ revision: z.string(), scoreString: z.string() });
export type ScoreVersion = z.output<typeof ScoreVersion>;

/** A service that failed; `why` in words that end without a full stop. */
const Failure = z.looseObject({ service: z.string(), reason: z.string(), why: z.string() });
export type Failure = z.output<typeof Failure>;

const Trial = z.looseObject({
  to: ScoreVersion,
  /** RFC 3339. */
  startedAt: z.string(),
  bootId: z.string(),
  /** How often the device went down while it lasted, and when it was last found to have. */
  deviceFailures: z.int(),
  resumedAt: z.nullable(z.string()),
  /** It could not be started, for a reason that does not heal by itself. */
  failure: z.nullable(Failure),
  /**
   * It could not be started, for a reason that may pass: the old version serves until the next try.
   */
  setback: z.nullable(z.looseObject({ ...Failure.shape, at: z.string(), count: z.int() })),
  /**
   * The old version serves in its place, until it is tried again: a device that goes down meanwhile
   * does not do so because of it.
   */
  isAside: z._default(z.boolean(), false),
});
export type Trial = z.output<typeof Trial>;

const Verdict = z.looseObject({ of: ScoreVersion, at: z.string(), reason: z.string(), message: z.string() });
export type Verdict = z.output<typeof Verdict>;

/** A service that keeps ending is down between two tries. */
const Crash = z.looseObject({ count: z.int(), startAt: z.string(), exitCode: z.int(), lastLine: z.string() });
export type Crash = z.output<typeof Crash>;

export const SwapRecord = z.looseObject({
  format: z.literal(1),
  /** The last version that proved itself: what is gone back to. */
  good: z.nullable(ScoreVersion),
  trial: z.nullable(Trial),
  /** Of a Score that is not tried again until it changes or a person asks. */
  verdict: z.nullable(Verdict),
  /** By service. */
  crashes: z.record(z.string(), Crash),
  /** Names of the containers that a hold stopped. */
  held: z.array(z.string()),
  /**
   * By container, when it ended by a person's stop that its restart policy respects: at a boot
   * Podman forgets that it was one.
   */
  stopped: z._default(z.record(z.string(), z.number()), {}),
});
export type SwapRecord = z.output<typeof SwapRecord>;

export const NOTHING_RECORDED: SwapRecord = { format: 1, good: null, trial: null, verdict: null, crashes: {}, held: [], stopped: {} };

export function isNothing({ good, trial, verdict, crashes, held, stopped }: SwapRecord): boolean {
  const isEmpty = [crashes, held, stopped].every((kept) => Object.keys(kept).length === 0);
  return good === null && trial === null && verdict === null && isEmpty;
}

/** Nothing keeps it from being tried any more. */
export function resetFailed(record: SwapRecord): SwapRecord {
  const { trial } = record;
  const due = new Date(0).toISOString();
  return {
    ...record,
    trial: trial && { ...trial, deviceFailures: 0, failure: null, setback: null },
    verdict: null,
    // That we stopped them stays known.
    crashes: Object.fromEntries(Object.entries(record.crashes).map(([service, crash]) => [service, { ...crash, count: 0, startAt: due }])),
  };
}
