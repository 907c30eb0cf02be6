// The border of PodmanV0: the schema, and before it a check for fields that people are likely to
// write. Fields that are spelt otherwise here, are refused, or are known and not yet supported each
// get a sentence that says what to write instead.

import type { Issue, Parsed } from "@harmony/core";
import { parse } from "@harmony/schema";
import { type PodmanV0, podmanV0Schema } from "./podman-v0-schema.ts";
import type { ScoreWords } from "./score-words.ts";
import { type Refused, refusedFields } from "./refused-fields.ts";

export function podmanV0Parser(words: ScoreWords): (data: unknown) => Parsed<PodmanV0> {
  const schema = podmanV0Schema(words);
  return (data) => betterWords(parse(schema, data), refusedFields(data, words));
}

function betterWords(parsed: Parsed<PodmanV0>, refused: readonly Refused[]): Parsed<PodmanV0> {
  const exact = refused.filter(({ isExact }) => isExact).map(asIssue);
  // A schema leaves out the one name that objects do not take, and says nothing.
  if (parsed.ok) return exact.length === 0 ? parsed : { ok: false, issues: exact };
  const path = (issue: Issue): string => JSON.stringify(issue.path);
  const better = new Map(exact.map((issue) => [path(issue), issue]));
  const near = new Map(refused.map((issue) => [path(issue), asIssue(issue)]));
  return {
    ok: false,
    issues: parsed.issues.map((issue) => better.get(path(issue)) ?? (issue.message === UNKNOWN ? near.get(path(issue)) : null) ?? issue),
  };
}

/** The border's own sentence on a field that is near none that it knows. */
const UNKNOWN = "is not a known field";

function asIssue({ path, message }: Refused): Issue {
  return { path, message };
}
