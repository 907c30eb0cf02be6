// One file, one meaning: what kubectl (YAML 1.1) would read otherwise than this package (YAML 1.2)
// is refused with what to write instead, so that a repository means the same whether the operator
// reads it or kubectl applies it. Refusing more than need be is allowed (a tag, a merge key),
// reading differently is not; test/kubectl-corpus.int.test.ts holds it against the real kubectl.

import type { Issue } from "@harmony/core";
import { isAlias, isMap, isScalar, isSeq, type Document, type Node, type Pair, type Scalar } from "yaml";
import type { PlacedIssue } from "./placed-issue.ts";
import { describeKubectlValue, type KubectlValue, readAsKubectl } from "./kubectl-scalar.ts";

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const LINE_BREAKS_OF_1_1 = /\r(?!\n)|[\u0085\u2028\u2029]/;
const CONTROL_CHARACTERS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\ufffe\uffff]/;
const JSON_ESCAPE = /(?<!\\)(?:\\\\)*\\\//;

/** `text` is the whole file's; of the document at `document.range`. */
export function kubectlDifferences(document: Document.Parsed, text: string, lineOf: (offset: number) => number): PlacedIssue[] {
  const issues: PlacedIssue[] = [];
  const start = document.range[0];
  const own = text.slice(start, document.range[1]);
  const say = (offset: number, path: Issue["path"], message: string): void => void issues.push({ offset, path, message });

  if (document.directives.yaml.explicit === true) say(start, [], "a %YAML directive is not taken: leave it out");
  const strange = LINE_BREAKS_OF_1_1.exec(own) ?? CONTROL_CHARACTERS.exec(own);
  if (strange !== null) {
    const code = strange[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    say(start + strange.index, [], `has the character U+${code}, which kubectl reads otherwise: write it as "\\u${code}" in double quotes`);
  }
  walk(document.contents, []);
  return issues;

  function walk(node: Node | null, path: Issue["path"]): void {
    if (node === null) return;
    const offset = node.range?.[0] ?? start;
    if (isAlias(node)) return;
    if (node.tag !== undefined && !(isScalar(node) && node.tag === "tag:yaml.org,2002:str")) {
      say(offset, path, `the tag ${node.tag.replace("tag:yaml.org,2002:", "!!")} is not taken: leave it out`);
    }
    if (isScalar(node)) scalar(node, path, offset);
    else if (isSeq<Node | null>(node)) node.items.forEach((item, index) => walk(item, [...path, index]));
    else if (isMap<Node, Node | null>(node)) map(node.items, path);
  }

  function scalar(node: Scalar, path: Issue["path"], offset: number): void {
    const written = node.source ?? "";
    if (node.type === "QUOTE_DOUBLE" && JSON_ESCAPE.test(text.slice(node.range?.[0], node.range?.[1]))) {
      return say(offset, path, String.raw`has the escape \/, which kubectl does not know: write / alone`);
    }
    if (node.type !== "PLAIN" || node.tag !== undefined) return;
    const read = readAsKubectl(written);
    if (isUnsafeWhole(read)) {
      const number = `kubectl would read ${written} ${describeKubectlValue(read)}`;
      return say(offset, path, `${number}, a whole number above 2^53, which changes on its way: put it in quotes ("${written}")`);
    }
    if (sameValue(node.value, written)) return;
    say(offset, path, `kubectl would read ${written} ${describeKubectlValue(read)}: quote it ("${written}") if it is text${plainly(read)}`);
  }

  function map(items: readonly Pair<Node, Node | null>[], path: Issue["path"]): void {
    const lines = new Map<string, number>();
    for (const { key, value } of items) {
      const offset = key.range?.[0] ?? start;
      if (!isScalar(key)) {
        const isTemplate = text.slice(offset - 1, offset + 1) === "{{";
        say(
          offset,
          path,
          isTemplate
            ? "is a template, which is not rendered here: write out what it gives"
            : "has a key that is not text: write the key out",
        );
        continue;
      }
      const name = String(key.value);
      const at = [...path, name];
      if (name === "__proto__") say(offset, at, "the name __proto__ is not taken: give it another");
      if (key.type === "PLAIN" && key.source === "<<") say(offset, path, "a merge key (<<) is not taken: write the fields out");
      else if (key.tag !== undefined) say(offset, at, "a tag on a key is not taken: leave it out");
      else if (key.type === "PLAIN" && !isPlainKey(key)) {
        say(
          offset,
          at,
          `kubectl would read the key ${key.source ?? ""} ${describeKubectlValue(readAsKubectl(key.source ?? ""))}: quote it ("${key.source ?? ""}")`,
        );
      } else if (key.type !== "PLAIN") scalar(key, at, offset);
      const first = lines.get(name);
      if (first !== undefined) say(offset, at, `stands twice, first on line ${first}: keep one`);
      else lines.set(name, lineOf(offset));
      walk(value, at);
    }
  }
}

/** Text for both, or a whole number in its one spelling (`80: …`), whose text both make of it. */
function isPlainKey(key: Scalar): boolean {
  const written = key.source ?? "";
  return typeof key.value === "string" ? readAsKubectl(written).kind === "text" : /^(0|[1-9][0-9]{0,14})$/.test(written);
}

/** What a program that reads JSON may round; also in the spelling of a float. */
function isUnsafeWhole(read: KubectlValue): boolean {
  if (read.kind === "integer") return read.value > MAX_SAFE || read.value < -MAX_SAFE;
  return read.kind === "float" && Number.isInteger(read.value) && !Number.isSafeInteger(read.value);
}

/** What both read as the same value. */
function plainly(read: KubectlValue): string {
  if (read.kind === "null") return ", else write null";
  const isPlain = read.kind === "boolean" || read.kind === "integer" || read.kind === "float";
  return isPlain ? `, else write ${read.value}` : "";
}

function sameValue(value: unknown, written: string): boolean {
  const read = readAsKubectl(written);
  switch (read.kind) {
    case "text":
      return typeof value === "string";
    case "null":
      return value === null;
    case "boolean":
      return value === read.value;
    case "integer":
      return typeof value === "number" && Number.isSafeInteger(value) && BigInt(value) === read.value;
    case "float":
      return value === read.value;
    case "unspeakable":
      return false;
  }
}
