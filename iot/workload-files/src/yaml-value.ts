// One YAML file as a plain value, for documents that are not ours, as a Compose file: with merge
// keys, and within the same limits as a workload file. A number keeps its spelling: `0440`, `1.10`
// and whole numbers that a float cannot hold come as text.

import { type Document, isScalar, LineCounter, parseDocument, type Scalar, visit } from "yaml";
import { documentLimits } from "./document-limits.ts";
import { readAsKubectl } from "./kubectl-scalar.ts";
import type { WorkloadFile } from "./read-workload-files.ts";
import { syntaxWords } from "./syntax-words.ts";
import { outOfBounds } from "./yaml-bounds.ts";
import { FILE_LIMIT_BYTES } from "./yaml-file.ts";
import { shortened } from "./shortened.ts";

/**
 * Stands before a text that is the spelling of a number or truth whose value is spelt otherwise.
 */
export const AS_WRITTEN = "\uE000";

/** `problem` is a sentence that begins with the file. */
export type YamlValue = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: string };

export function parseYamlValue({ path, content }: WorkloadFile): YamlValue {
  const refuse = (problem: string): YamlValue => ({ ok: false, problem: `${path} ${shortened(problem)}` });
  if (content.byteLength > FILE_LIMIT_BYTES) {
    return refuse(`is not read: it has ${Math.ceil(content.byteLength / 1024)} KiB, and at most ${FILE_LIMIT_BYTES / 1024} KiB are read`);
  }
  const text = new TextDecoder().decode(content);
  const bounds = outOfBounds(text);
  if (bounds !== null) return refuse(bounds.message);
  try {
    const lines = new LineCounter();
    // The library compares each key with each: keyTwice does it in linear time.
    const document = parseDocument(text, { merge: true, prettyErrors: true, logLevel: "silent", uniqueKeys: false, lineCounter: lines });
    const [error] = document.errors;
    if (error !== undefined) {
      const { line, col } = lines.linePos(error.pos[0]);
      return refuse(`is not valid YAML: line ${line}, column ${col}: ${syntaxWords(error)}`);
    }
    const twice = keyTwice(document);
    if (twice !== null) {
      const { line, col } = lines.linePos(twice);
      return refuse(`is not valid YAML: Map keys must be unique at line ${line}, column ${col}`);
    }
    const [limit] = documentLimits(document);
    if (limit !== undefined) return refuse(limit.message);
    keepSpelling(document);
    // The limits have counted the aliases.
    return { ok: true, value: document.toJS({ maxAliasCount: -1 }) };
  } catch (cause) {
    return refuse(`cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

function keepSpelling(document: Document.Parsed): void {
  visit(document, {
    Scalar: (key, node) => {
      const spelling = node.source ?? "";
      if (key === "key" || node.type !== "PLAIN" || node.tag !== undefined) return;
      const meant = spellingOf(node, spelling);
      if (meant !== null) node.value = meant === spelling ? spelling : `${AS_WRITTEN}${spelling}`;
    },
  });
}

/** How the same value is spelt by programs; null: it is text, nothing, or an everyday number. */
function spellingOf({ value }: Scalar, spelling: string): string | null {
  const read = readAsKubectl(spelling);
  if (typeof value === "boolean") return String(value) === spelling ? null : String(value);
  if (read.kind !== "integer" && read.kind !== "float") return typeof value === "number" && String(value) !== spelling ? spelling : null;
  return typeof value === "number" && String(value) === spelling ? null : String(read.value);
}

/** Where the first key stands that its map has already. */
function keyTwice(document: Document.Parsed): number | null {
  let found: number | null = null;
  visit(document, {
    Map: (_, { items }) => {
      const keys = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key) || key.value === "<<" || typeof key.value === "symbol") continue;
        if (keys.has(key.value)) {
          found = key.range?.[0] ?? 0;
          return visit.BREAK;
        }
        keys.add(key.value);
      }
      return undefined;
    },
  });
  return found;
}
