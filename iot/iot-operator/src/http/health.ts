// What the process knows of itself, for /readyz, /metrics and nothing else. Written by the loop,
// read by http.ts.

export interface Health {
  nats: string | null;
  /** Why what is known of the buckets may not be what they hold; null: they are followed. */
  bucketProblem: () => string | null;
  /**
   * Whether the source gave all of it when it was read last, the newest version or the last good
   * one.
   */
  sourceReadable: boolean;
  /** Why the source cannot be read or its newest version is not followed; null: it is followed. */
  sourceProblem: string | null;
  /** Why the source is not heard now, whatever it said when it was read last. */
  sourceHealth: () => string | null;
  sourceVersion: string | null;
  lastSourceReadAtMs: number | null;
  /** Whether one pass has come to its end, so that the bucket says what the source says. */
  inStep: boolean;
  /** Why the last pass, or the last report, came to no end; null: it did. */
  passProblem: string | null;
  reportProblem: string | null;
  /**
   * Why the store took no more of the desired state, or of what is said of the source, with the
   * cure; null: it did.
   */
  unwritten: string | null;
  unsaid: string | null;
  /** Why devices cannot be written to until their Deployments change, and how many; null: none. */
  refused: string | null;
  refusedDevices: number;
  /** Why nothing is written: the records say that the source is another's. */
  ownerProblem: string | null;
  /** Which of its names a source owns that is not heard any more. */
  otherOwners: string | null;
  /** Why objects of the source cannot be claimed or released. */
  claimProblem: string | null;
  /** Why the objects of devices cannot be written. */
  deviceProblem: string | null;
  /** What waits for a person's word; what the source no longer has and nobody deleted. */
  held: string | null;
  lost: string | null;
  heldRemovals: number;
  lostEntries: number;
  deployments: number;
  devices: number;
  foreignKeys: number;
  writes: number;
  conflicts: number;
  passes: number;
  failures: number;
}

export function newHealth(): Health {
  return {
    nats: "not connected yet",
    bucketProblem: () => null,
    sourceReadable: false,
    sourceProblem: null,
    sourceHealth: () => null,
    sourceVersion: null,
    lastSourceReadAtMs: null,
    inStep: false,
    passProblem: null,
    reportProblem: null,
    unwritten: null,
    unsaid: null,
    refused: null,
    refusedDevices: 0,
    ownerProblem: null,
    otherOwners: null,
    claimProblem: null,
    deviceProblem: null,
    held: null,
    lost: null,
    heldRemovals: 0,
    lostEntries: 0,
    deployments: 0,
    devices: 0,
    foreignKeys: 0,
    writes: 0,
    conflicts: 0,
    passes: 0,
    failures: 0,
  };
}

/** Why the source does not take what is written to its objects; null: it does. */
export function writeProblem({ claimProblem, deviceProblem, reportProblem }: Health): string | null {
  return claimProblem ?? deviceProblem ?? reportProblem;
}

/** Why the source cannot be read, or its newest version is not followed; null: it is. */
export function sourceProblem({ sourceProblem: problem, sourceHealth }: Health): string | null {
  return problem ?? sourceHealth();
}

/** Why the store takes no more; null: it does. */
export function storeProblem({ unwritten, unsaid }: Health): string | null {
  return unwritten ?? unsaid;
}
