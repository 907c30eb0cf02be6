// Whether a path is one that a glob stands for: `*` within one name, `**` over several, `?` one
// character of a name. The glob is the device's and the path anybody's, so the work is bounded by
// the length of the one times that of the other; a regular expression tries all ways to share a
// path out among the stars. Pure.

/** No line break is in any path that a Score may name. */
const LINE_BREAK = /[\n\r\u2028\u2029]/;

/** `or below`: a path below a match matches too. */
export function matchesGlob(glob: string, path: string, extent: "itself" | "or below" = "itself"): boolean {
  if (LINE_BREAK.test(path)) return false;
  const tokens = glob.match(/\*\*|[^]/g) ?? [];
  let reached = open(tokens, new Set([0]));
  for (let at = 0; reached.size > 0; at += 1) {
    const character = path[at];
    if (at > 0 && reached.has(tokens.length) && (character === undefined || (extent === "or below" && character === "/"))) return true;
    if (character === undefined) return false;
    reached = open(tokens, new Set([...reached].flatMap((index) => step(tokens[index], character, index))));
  }
  return false;
}

/** Where in the tokens a character leads to. */
function step(token: string | undefined, character: string, index: number): number[] {
  if (token === "**" || (token === "*" && character !== "/")) return [index];
  if (token === "?" ? character !== "/" : token === character && token !== "*") return [index + 1];
  return [];
}

/** Stars stand for nothing, too. */
function open(tokens: readonly string[], reached: Set<number>): ReadonlySet<number> {
  // What is added meanwhile is looked at as well.
  for (const index of reached) if (tokens[index] === "*" || tokens[index] === "**") reached.add(index + 1);
  return reached;
}
