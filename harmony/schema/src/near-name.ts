// Which known name a person most likely meant by one that is not known. Pure.

/** Two letters for a long name, one for a short one; two letters exchanged count as one. */
const LONG = 5;

/**
 * The nearest of `known`: equal but for case, `-` and `_`, or a letter or two apart. null: none is
 * near, or the name itself is known.
 */
export function nearName(written: string, known: Iterable<string>): string | null {
  const plain = plainly(written);
  let nearest: { name: string; apart: number } | null = null;
  for (const name of known) {
    if (name === written) return null;
    const most =
      plain === plainly(name) ? 0 : plain.length < 3 || name.length < 3 ? -1 : Math.min(plain.length, name.length) < LONG ? 1 : 2;
    if (most < 0 || Math.abs(plain.length - plainly(name).length) > most) continue;
    const apart = lettersApart(plain, plainly(name));
    if (apart <= most && (nearest === null || apart < nearest.apart)) nearest = { name, apart };
  }
  return nearest?.name ?? null;
}

/**
 * The only one of `known` that is shortened by it (`img` for `image`). null: there is none, or
 * several.
 */
export function shortenedName(written: string, known: Iterable<string>): string | null {
  const [name, ...more] = [...known].filter((each) => isShortened(plainly(written), plainly(each)));
  return name === undefined || more.length > 0 ? null : name;
}

/** All letters are there in their order, the first one first. */
function isShortened(short: string, long: string): boolean {
  if (short.length < 3 || short[0] !== long[0]) return false;
  let at = 0;
  for (const letter of long) if (letter === short[at]) at += 1;
  return at === short.length;
}

function plainly(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, "");
}

/** Levenshtein's distance of short texts, in which two letters exchanged are one step. */
export function lettersApart(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let index = 0; index < a.length; index += 1) {
    const next = [index + 1];
    for (let column = 0; column < b.length; column += 1) {
      const change = (row[column] ?? 0) + (a[index] === b[column] ? 0 : 1);
      const isExchanged = index > 0 && column > 0 && a[index] === b[column - 1] && a[index - 1] === b[column];
      const exchange = isExchanged ? (before[column - 1] ?? 0) + 1 : Infinity;
      next.push(Math.min(change, exchange, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row.at(-1) ?? 0;
}
