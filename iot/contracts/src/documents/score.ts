// The Score message: `{"type":"PodmanV0","data":{…}}`, adjacently tagged, nothing around it. The
// platform never looks inside `data`; the variant's own package does, on the device.

import type { Issue } from "@harmony/core";
import { canonicalJson } from "@harmony/schema";
import * as z from "zod/mini";

export const Score = z.strictObject({
  type: z.string().check(z.regex(/^[A-Za-z][A-Za-z0-9]{0,62}$/, { error: "expected the name of a Score variant, e.g. PodmanV0" })),
  data: z.record(z.string(), z.unknown()),
});
export type Score = z.output<typeof Score>;

/**
 * Of a document as JSON.parse gives it: whole numbers that a reader of JSON may round, and has
 * perhaps rounded already, and the one name that objects do not take. For a value whose depth is
 * bounded.
 */
export function changedOnTheWay(value: unknown, path: Issue["path"] = []): Issue[] {
  if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return [{ path, message: `has a whole number above 2^53 (about ${value}), which changes on its way: put it in quotes` }];
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    return key === "__proto__" ? [{ path: at, message: "the name __proto__ is not taken: give it another" }] : changedOnTheWay(member, at);
  });
}

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
