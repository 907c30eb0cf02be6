// What a person reads of a version that is followed in part, or not at all though the source was
// read.

import type { CompleteSnapshot } from "./source.ts";

/** Why the newest version is not followed, or not in all that it says. */
export function whyNotAllFollowed({ problem, evidence, version }: CompleteSnapshot): string | null {
  if (problem !== undefined) return problem;
  const [first, ...others] = evidence?.kind === "git" ? evidence.unreadable : [];
  if (first === undefined) return null;
  const more = others.length === 0 ? "" : ` (and ${others.length} more files)`;
  return `commit ${version.slice(0, 10)} is followed, and removes nothing, for not all of it can be read: ${first.path}: ${first.message}${more}`;
}
