// What becomes of a grant that is kept in the bucket, by what OpenBao answers. Pure. Only an answer
// ends a grant: while there is none, the kept one is used, for days. What the enrolment service
// wrote itself counts until it has told OpenBao, too.

import { type BaoRead, Grant } from "@iot/identity";
import type { Kept } from "./grants.ts";

const FRESH_S = 300;
const USED_S = 7 * 86_400;

/** Whether OpenBao is to be asked. */
export function isToBeAsked({ grant }: Kept, nowS: number): boolean {
  if (grant === null || grant === undefined) return true;
  return grant.readAtS !== undefined && ageS(grant.readAtS, nowS) > FRESH_S;
}

export interface Answered {
  /** What is decided by. null: there is none. undefined: nobody can say. */
  readonly grant: Grant | null | undefined;
  /** What the bucket is to hold; undefined: it stays as it is. */
  readonly keep?: object | null;
  /** Why there is no answer, and how old the kept grant is that is used in its place; null: none is. */
  readonly trouble?: { readonly why: string; readonly ageS: number | null };
}

export function answered(kept: Kept, read: BaoRead, nowS: number): Answered {
  switch (read.kind) {
    case "found": {
      const grant = Grant.safeParse(read.data);
      if (grant.success) return { grant: grant.data, keep: { ...grant.data, readAtS: nowS } };
      return withoutAnswer(kept, "the grant in OpenBao cannot be read", nowS);
    }
    case "absent":
      if (read.wasDeleted || kept.grant === null) return { grant: null, ...(kept.grant === null ? {} : { keep: null }) };
      return withoutAnswer(kept, "OpenBao does not have the grant any more, though nobody deleted it", nowS);
    case "unknown":
      return withoutAnswer(kept, read.why, nowS);
  }
}

function withoutAnswer({ grant }: Kept, why: string, nowS: number): Answered {
  const keptS = grant === null || grant === undefined ? Number.POSITIVE_INFINITY : ageS(grant.readAtS ?? nowS, nowS);
  if (keptS > USED_S) return { grant: undefined, trouble: { why, ageS: null } };
  return { grant, trouble: { why, ageS: keptS } };
}

/** A clock may be set either way. */
function ageS(readAtS: number, nowS: number): number {
  return Math.abs(nowS - readAtS);
}
