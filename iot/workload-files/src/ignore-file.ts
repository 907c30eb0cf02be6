// `.iotignore`: which files of a repository are somebody else's, in the syntax of .gitignore. The
// git source and `iot lint` leave out the same ones by it. Pure, and in time that is linear in path
// and pattern, for who may push may write any.

export const IGNORE_FILE = ".iotignore";
/** Of one file: every path is held against every line. */
const LINES_LIMIT = 200;
const LINE_CHARACTERS = 256;
/** An attacker's is as long as a file in git may be. */
export const IGNORE_LIMIT_BYTES: number = 64 * 1024;

export interface IgnoreRule {
  /** From 1. */
  readonly line: number;
  readonly isNegated: boolean;
  readonly isForFolders: boolean;
  /** Of the path from its own folder; else of the name alone. */
  readonly isOfPath: boolean;
  readonly parts: readonly Part[];
}

/** One name between slashes; "**" is any number of them. */
type Part = "**" | readonly Sign[];
type Sign = "*" | ((letter: string) => boolean);

export type IgnoreFile = { readonly ok: true; readonly rules: readonly IgnoreRule[] } | { readonly ok: false; readonly problem: string };

export function readIgnoreFile(content: Uint8Array): IgnoreFile {
  const refuse = (problem: string): IgnoreFile => ({ ok: false, problem: `${problem}, so nothing is left out by it` });
  if (content.byteLength > IGNORE_LIMIT_BYTES) return refuse(`has more than ${IGNORE_LIMIT_BYTES / 1024} KiB: make it shorter`);
  const lines = new TextDecoder().decode(content).split(/\r?\n/);
  const rules = lines.flatMap((text, index) => ruleOf(text, index + 1) ?? []);
  if (rules.length > LINES_LIMIT) return refuse(`has ${rules.length} patterns: at most ${LINES_LIMIT}, name folders in place of files`);
  const long = lines.findIndex((text) => text.length > LINE_CHARACTERS && !text.startsWith("#"));
  return long < 0 ? { ok: true, rules } : refuse(`line ${long + 1} has more than ${LINE_CHARACTERS} characters: make it shorter`);
}

function ruleOf(text: string, line: number): IgnoreRule | null {
  if (text.startsWith("#")) return null;
  const pattern = text.replace(/(?<!\\)\s+$/, "");
  const isNegated = pattern.startsWith("!");
  const whole = isNegated ? pattern.slice(1) : pattern;
  const isForFolders = whole.endsWith("/");
  const plain = isForFolders ? whole.slice(0, -1) : whole;
  const names = plain.replace(/^\//, "").split("/");
  if (plain === "" || names.includes("")) return null;
  const parts = names.map((name): Part => (name === "**" ? "**" : signsOf(name)));
  // "a/**" is all in a, and not a itself.
  if (parts.at(-1) === "**") parts.push(["*"]);
  return { line, isNegated, isForFolders, isOfPath: plain.includes("/"), parts };
}

const SIGN = /\\([\s\S])|\[([!^]?)(\]?[^\]]*)\]|([\s\S])/g;

function signsOf(name: string): Sign[] {
  return [...name.matchAll(SIGN)].map(([whole, escaped, not, set, plain]): Sign => {
    if (set !== undefined && set !== "") {
      const isIn = lettersOf(set);
      return (letter) => isIn(letter) === (not === "");
    }
    if (plain === "*") return "*";
    if (plain === "?") return () => true;
    return (letter) => letter === (escaped ?? whole);
  });
}

/** Of `a-z_`. */
function lettersOf(set: string): (letter: string) => boolean {
  const ranges = [...set.matchAll(/([\s\S])-([\s\S])|([\s\S])/g)].map(([, from, to, one]) => [from ?? one ?? "", to ?? one ?? ""] as const);
  return (letter) => ranges.some(([from, to]) => from <= letter && letter <= to);
}

export interface Ignored {
  /** The `.iotignore`, and its line. */
  readonly file: string;
  readonly line: number;
}

/** By the folder that each file stands in ("" is the one of all paths); null: it is read. */
export function ignoredBy(files: ReadonlyMap<string, readonly IgnoreRule[]>, path: string, isFolder = false): Ignored | null {
  if (files.size === 0) return null;
  const names = path.split("/");
  // What is in a folder that is left out cannot be taken in again.
  for (let depth = 1; depth <= names.length; depth += 1) {
    const found = decided(files, names.slice(0, depth), isFolder || depth < names.length);
    if (found !== null) return found;
  }
  return null;
}

/** The deepest file that says something of it decides, and in it the last line. */
function decided(files: ReadonlyMap<string, readonly IgnoreRule[]>, names: readonly string[], isFolder: boolean): Ignored | null {
  for (let depth = names.length - 1; depth >= 0; depth -= 1) {
    const folder = names.slice(0, depth).join("/");
    const within = names.slice(depth);
    const rule = files.get(folder)?.findLast((one) => matches(one, within, isFolder));
    if (rule === undefined) continue;
    return rule.isNegated ? null : { file: folder === "" ? IGNORE_FILE : `${folder}/${IGNORE_FILE}`, line: rule.line };
  }
  return null;
}

function matches({ isForFolders, isOfPath, parts }: IgnoreRule, names: readonly string[], isFolder: boolean): boolean {
  if (isForFolders && !isFolder) return false;
  const asked = isOfPath ? names : names.slice(-1);
  return matchesAll(parts, asked, {
    isAny: (part) => part === "**",
    isOne: (part, name) =>
      part !== "**" &&
      matchesAll(part, Array.from(name), { isAny: (sign) => sign === "*", isOne: (sign, letter) => sign !== "*" && sign(letter) }),
  });
}

interface Comparing<Pattern, Item> {
  /** It stands for any number of items. */
  readonly isAny: (pattern: Pattern) => boolean;
  readonly isOne: (pattern: Pattern, item: Item) => boolean;
}

/** With one way back, to the last that stands for any number. */
function matchesAll<Pattern, Item>(
  patterns: readonly Pattern[],
  items: readonly Item[],
  { isAny, isOne }: Comparing<Pattern, Item>,
): boolean {
  let [at, item] = [0, 0];
  let back: { readonly at: number; item: number } | null = null;
  while (item < items.length) {
    const pattern = patterns[at];
    const found = items[item];
    if (pattern !== undefined && isAny(pattern)) {
      back = { at, item };
      at += 1;
    } else if (pattern !== undefined && found !== undefined && isOne(pattern, found)) {
      at += 1;
      item += 1;
    } else if (back !== null) {
      back.item += 1;
      at = back.at + 1;
      item = back.item;
    } else return false;
  }
  return patterns.slice(at).every(isAny);
}
