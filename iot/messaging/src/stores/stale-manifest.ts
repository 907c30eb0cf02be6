// Whether a manifest that was read is taken. A lagging replica answers with an older one, which is
// ignored; a store that was restored from a copy, or wiped and filled again, also starts lower, and
// must be followed. The two differ in time: a manifest is stale only if it is older in revision and
// in the server's time stamp, and even then the same one, read for five minutes, is taken. Pure;
// the agent keeps what it took last, also over a restart.

export const TAKE_OLDER_AFTER_MS = 5 * 60_000;

export interface ManifestVersion {
  /** The KV revision. */
  readonly revision: number;
  /** RFC 3339, the server's. */
  readonly writtenAt: string;
}

export type ManifestVerdict =
  /**
   * `refetchScores`: revisions may repeat in a store that went back, so no Score in hand counts.
   */
  { readonly take: true; readonly refetchScores: boolean } | { readonly take: false; readonly takenInMs: number };

export function isStaleManifest(read: ManifestVersion, taken: ManifestVersion): boolean {
  return read.revision < taken.revision && Date.parse(read.writtenAt) < Date.parse(taken.writtenAt);
}

/** Remembers since when the same older manifest has been read. */
export class ManifestJudge {
  #taken: ManifestVersion | null;
  #older: { readonly version: ManifestVersion; readonly sinceMs: number } | null = null;

  constructor(taken: ManifestVersion | null) {
    this.#taken = taken;
  }

  /** `monotonicMs`: of a clock that never goes back. */
  judge(read: ManifestVersion, monotonicMs: number): ManifestVerdict {
    const taken = this.#taken;
    if (taken !== null && isStaleManifest(read, taken)) {
      if (this.#older === null || !isSame(this.#older.version, read)) this.#older = { version: read, sinceMs: monotonicMs };
      const takenInMs = this.#older.sinceMs + TAKE_OLDER_AFTER_MS - monotonicMs;
      if (takenInMs > 0) return { take: false, takenInMs };
    }
    this.#older = null;
    this.#taken = { revision: read.revision, writtenAt: read.writtenAt };
    return { take: true, refetchScores: taken !== null && wentBack(read, taken) };
  }
}

function wentBack(read: ManifestVersion, taken: ManifestVersion): boolean {
  const otherOfOneRevision = read.revision === taken.revision && read.writtenAt !== taken.writtenAt;
  return read.revision < taken.revision || otherOfOneRevision || Date.parse(read.writtenAt) < Date.parse(taken.writtenAt);
}

function isSame(a: ManifestVersion, b: ManifestVersion): boolean {
  return a.revision === b.revision && a.writtenAt === b.writtenAt;
}
