// The Score message: `{"type":"PodmanV0","data":{…}}`, adjacently tagged, nothing around it. The
// platform never looks inside `data`; the variant's own package does, on the device.

import { canonicalJson } from "@harmony/schema";
import * as z from "zod/mini";

export const Score = z.strictObject({
  type: z.string().check(z.regex(/^[A-Za-z][A-Za-z0-9]{0,62}$/, { error: "expected the name of a Score variant, e.g. PodmanV0" })),
  data: z.record(z.string(), z.unknown()),
});
export type Score = z.output<typeof Score>;

/**
 * kubectl's own annotation ends at 256 KiB, and a Score of 819 KB failed in etcd as
 * `observedScoreString` [measured].
 */
export const SCORE_LIMIT_BYTES: number = 128 * 1024;

/**
 * The canonical form: `type` first, keys sorted deeply. Two Scores are the same if and only if
 * these strings are equal.
 */
export function scoreString(score: Score): string {
  return `{"type":${JSON.stringify(score.type)},"data":${canonicalJson(score.data)}}`;
}
