// Which of the known names a person meant by one that is a typo away from it. Pure.

/** At most two letters wrong, missing or too many: `Deployement`, `iot.nationtech.oi`. */
const TYPOS = 2;

/** The nearest of the names that are few letters apart; null: none is. */
export function nearName(written: string, names: readonly string[], typos = TYPOS): string | null {
  const near = names.filter((name) => isNear(written, name, typos));
  return near.toSorted((a, b) => distance(written, a) - distance(written, b))[0] ?? null;
}

/** Not equal, and few letters apart. */
export function isNear(written: string, meant: string, typos = TYPOS): boolean {
  return written !== meant && Math.abs(written.length - meant.length) <= typos && distance(written, meant) <= typos;
}

/** Levenshtein's, of short texts. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of a.split("").entries()) {
    const next = [index + 1];
    for (const [column, other] of b.split("").entries()) {
      const change = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(change, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
