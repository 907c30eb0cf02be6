// How kubectl reads a plain (unquoted) scalar. It speaks YAML 1.1 as go-yaml v2 does
// (sigs.k8s.io/yaml), so `yes` is true, `0755` is 493 and `1_000` is 1000, where YAML 1.2 sees
// text. This is that library's resolve(), held against the real kubectl by
// test/kubectl-corpus.int.test.ts. Whole numbers are bigint so that none is rounded on the way.

export type KubectlValue =
  | { readonly kind: "text" }
  | { readonly kind: "null" }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "integer"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  /** kubectl refuses the whole file: JSON has no such number. */
  | { readonly kind: "unspeakable"; readonly value: number };

const TEXT: KubectlValue = { kind: "text" };
const TRUE = new Set(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"]);
const FALSE = new Set(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"]);
const NULL = new Set(["", "~", "null", "Null", "NULL"]);
const INFINITE = /^[-+]?\.(inf|Inf|INF)$/;
const NOT_A_NUMBER = /^\.(nan|NaN|NAN)$/;
const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
const INTEGER = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|([1-9][0-9]*|0))$/;

export function readAsKubectl(plain: string): KubectlValue {
  if (NULL.has(plain)) return { kind: "null" };
  if (TRUE.has(plain)) return { kind: "boolean", value: true };
  if (FALSE.has(plain)) return { kind: "boolean", value: false };
  if (INFINITE.test(plain)) return { kind: "unspeakable", value: plain.startsWith("-") ? -Infinity : Infinity };
  if (NOT_A_NUMBER.test(plain)) return { kind: "unspeakable", value: Number.NaN };
  if (plain.startsWith(".")) return float(plain);
  return /^[-+0-9]/.test(plain) ? number(plain.replaceAll("_", "")) : TEXT;
}

function number(digits: string): KubectlValue {
  const [, sign, hexadecimal, binary, octal, decimal] = INTEGER.exec(digits) ?? [];
  // Its own reading of binary, which takes a sign in the middle.
  const signed = /^0b([-+])([01]+)$/.exec(digits);
  if (signed !== null) return { kind: "integer", value: BigInt(`0b${signed[2]}`) * (signed[1] === "-" ? -1n : 1n) };
  const magnitude =
    hexadecimal !== undefined
      ? BigInt(`0x${hexadecimal}`)
      : binary !== undefined
        ? BigInt(`0b${binary}`)
        : octal !== undefined
          ? BigInt(`0o${octal}`)
          : decimal !== undefined
            ? BigInt(decimal)
            : null;
  if (magnitude === null) return float(digits);
  if (sign === "-" ? magnitude <= 2n ** 63n : magnitude < (sign === "+" ? 2n ** 63n : 2n ** 64n)) {
    return { kind: "integer", value: sign === "-" ? -magnitude : magnitude };
  }
  return float(digits);
}

function float(digits: string): KubectlValue {
  if (!FLOAT.test(digits)) return TEXT;
  const value = Number(digits);
  return Number.isFinite(value) ? { kind: "float", value } : TEXT;
}

/** As a person would say it: what stands in a message. */
export function describeKubectlValue(read: KubectlValue): string {
  switch (read.kind) {
    case "text":
      return "as text";
    case "null":
      return "as null";
    case "boolean":
      return `as ${read.value}`;
    case "integer":
    case "float":
      return `as the number ${read.value}`;
    case "unspeakable":
      return `as ${Number.isNaN(read.value) ? "not-a-number" : "infinity"}, which it cannot send`;
  }
}
