// One YAML file as a plain value, for documents that are not ours, as a Compose file: with merge
// keys, and within the same limits as a workload file.

import { type Document, isScalar, LineCounter, parseDocument, visit } from "yaml";
import { documentLimits } from "./document-limits.ts";
import type { WorkloadFile } from "./read-workload-files.ts";
import { syntaxWords } from "./syntax-words.ts";
import { outOfBounds } from "./yaml-bounds.ts";
import { FILE_LIMIT_BYTES } from "./yaml-file.ts";
import { shortened } from "./shortened.ts";

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
    // The limits have counted the aliases.
    return { ok: true, value: document.toJS({ maxAliasCount: -1 }) };
  } catch (cause) {
    return refuse(`cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
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
