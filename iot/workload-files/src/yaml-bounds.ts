// Says of a text, in one cheap look and before any parser sees it, whether parsing it would be too
// much work: the number of its documents, anchors and aliases, and how deep it may be. A count is
// of what looks like one, in text and comments too, so the limits are far above what people write.

import { ALIASES_LIMIT } from "./document-limits.ts";

/** A commit may have many files; one file has a few Deployments. */
const DOCUMENTS_LIMIT = 1_000;
const REFERENCES_LIMIT = 10_000;
/** The parser calls itself for each level. */
const OPEN_LIMIT = 500;

const SEPARATOR = /^(?:---|\.\.\.)(?=\s|$)/gm;
const ALIAS = /(?<=^|[\s,[{:])\*[^\s,[\]{}*]/gm;
const ANCHOR = /(?<=^|[\s,[{:])&[^\s,[\]{}&]/gm;
/** Each of these opens a list or a map in the one before, on one line: `- - - a`. */
const COMPACT_NESTING = new RegExp(`(?:[-?:][ \\t]+){${OPEN_LIMIT}}`);
const BRACKETS = /[[\]{}]/g;

export interface OutOfBounds {
  readonly message: string;
  readonly offset: number;
}

export function outOfBounds(text: string): OutOfBounds | null {
  const documents = nth(text, SEPARATOR, DOCUMENTS_LIMIT);
  if (documents !== null) return { message: `has more than ${DOCUMENTS_LIMIT} documents: split it`, offset: documents };
  if (nth(text, ALIAS, REFERENCES_LIMIT) !== null) {
    const count = text.match(ALIAS)?.length ?? 0;
    return { message: `has ${count} aliases (*name): at most ${ALIASES_LIMIT} are followed`, offset: 0 };
  }
  const anchors = nth(text, ANCHOR, REFERENCES_LIMIT);
  if (anchors !== null)
    return { message: `has more than ${REFERENCES_LIMIT} anchors (&name): take out what no alias names`, offset: anchors };
  const compact = text.search(COMPACT_NESTING);
  const offset = compact >= 0 ? compact : tooDeep(text);
  return offset === null ? null : { message: "is nested too deeply to be read", offset };
}

/** Where one more than `limit` matches stands. */
function nth(text: string, pattern: RegExp, limit: number): number | null {
  let count = 0;
  for (const { index } of text.matchAll(pattern)) {
    count += 1;
    if (count > limit) return index;
  }
  return null;
}

function tooDeep(text: string): number | null {
  let open = 0;
  for (const { 0: bracket, index } of text.matchAll(BRACKETS)) {
    open = bracket === "[" || bracket === "{" ? open + 1 : Math.max(0, open - 1);
    if (open > OPEN_LIMIT) return index;
  }
  return null;
}
