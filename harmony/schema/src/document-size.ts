// Checks that a value is small enough for a schema: a schema's work, and the number of its
// complaints, grow with the value. It is one walk, level by level, which no depth can exhaust and
// which stops at the limit, so that a value that contains itself ends too.

export interface SizeLimits {
  /** The size of the text, before it is parsed; a value without a text has none. */
  readonly bytes: number;
  /** The members of maps and entries of lists, all together. */
  readonly values: number;
  readonly depth: number;
}

/**
 * Every document of ours fits into these limits: a Score has at most 128 KiB and, as YAML, a depth
 * of 100.
 */
export const DOCUMENT_LIMITS: SizeLimits = { bytes: 64 * 1024 * 1024, values: 250_000, depth: 128 };
/**
 * The limits for a server's answer with many documents: each of them is bounded where it is read.
 */
export const ENVELOPE_LIMITS: SizeLimits = { bytes: Infinity, values: Infinity, depth: Infinity };

/** Gives a sentence, or null when it fits. */
export function tooLarge(root: unknown, { values, depth }: Pick<SizeLimits, "values" | "depth">): string | null {
  if (values === Infinity && depth === Infinity) return null;
  let level: object[] = isObject(root) ? [root] : [];
  let count = 0;
  for (let reached = 1; level.length > 0; reached += 1) {
    if (reached > depth) return `is nested deeper than ${depth}`;
    const next: object[] = [];
    for (const one of level) {
      for (const member of Array.isArray(one) ? one : Object.values(one)) {
        count += 1;
        if (count > values) return `has more than ${values.toLocaleString("en")} values`;
        if (isObject(member)) next.push(member);
      }
    }
    level = next;
  }
  return null;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
