// One file's bytes as YAML documents with lines: what is no UTF-8, too large, broken or too deep
// for the parser becomes an issue at its line here. What the documents mean is
// read-workload-files.ts's.

import { type Document, isScalar, LineCounter, parseAllDocuments } from "yaml";
import { foreignEncoding, kindOfText, templateIn } from "./file-kinds.ts";
import type { PlacedIssue } from "./placed-issue.ts";
import { syntaxWords } from "./syntax-words.ts";
import { outOfBounds } from "./yaml-bounds.ts";

/** A Score is at most 128 KiB; a file holds several. */
export const FILE_LIMIT_BYTES: number = 1024 * 1024;

const TOO_DEEP = "is nested too deeply to be read";

export interface YamlFile {
  readonly text: string;
  readonly documents: readonly Document.Parsed[];
  /** With any, `documents` are those that could still be read. */
  readonly issues: readonly PlacedIssue[];
  readonly place: (offset: number) => { line: number; column: number };
}

export function parseYamlFile(content: Uint8Array): YamlFile {
  const refused = (message: string, text = "", offset = 0): YamlFile => ({
    text,
    documents: [],
    issues: [{ path: [], message, offset }],
    place: (at) => placeIn(text, at),
  });
  if (content.byteLength > FILE_LIMIT_BYTES) {
    return refused(`the file has ${Math.ceil(content.byteLength / 1024)} KiB: at most ${FILE_LIMIT_BYTES / 1024} KiB are read, split it`);
  }
  const text = new TextDecoder("utf-8", { ignoreBOM: false }).decode(content);
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    const crypt = kindOfText(text);
    if (crypt !== null) return refused(`${crypt.what}: ${crypt.mend}`, text);
    const found = foreignEncoding(content) === "UTF-16" ? "UTF-16" : null;
    const but = found === null ? "" : ` but ${found}`;
    return refused(`the file is not UTF-8 text${but}: save it as UTF-8`, text, Math.max(0, text.indexOf("\uFFFD")));
  }
  const kind = kindOfText(text);
  if (kind !== null) return refused(`${kind.what}: ${kind.mend}`, text, kind.offset);
  const encoding = foreignEncoding(content);
  if (encoding !== null) return refused(`the file is not UTF-8 text but ${encoding}: save it as UTF-8`, text);
  const bounds = outOfBounds(text);
  if (bounds !== null) return refused(bounds.message, text, bounds.offset);
  const lines = new LineCounter();
  try {
    // Doubled keys are found by us: the library compares each with each, which takes minutes on a
    // file made for it.
    const parsed = parseAllDocuments(text, {
      version: "1.2",
      schema: "core",
      lineCounter: lines,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: "silent",
    });
    const documents = [...parsed];
    const template = documents.some(({ errors }) => errors.length > 0) ? templateIn(text) : null;
    if (template !== null) return refused(`${template.what}: ${template.mend}`, text, template.offset);
    return {
      text,
      documents: documents.filter(({ errors }) => errors.length === 0),
      issues: documents.flatMap((document, index) => [...syntaxIssue(document), ...separatorIssue(document, index, text)]),
      place: (offset) => {
        const { line, col } = lines.linePos(Math.min(offset, text.length));
        return { line: Math.max(1, line), column: Math.max(1, col) };
      },
    };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return refused(TOO_DEEP, text);
  }
}

export function isEmptyDocument({ contents }: Document.Parsed): boolean {
  return contents === null || (isScalar(contents) && contents.value === null && (contents.source ?? "") === "");
}

/** The first alone: those after it mostly follow from it. */
function syntaxIssue(document: Document.Parsed): PlacedIssue[] {
  const error = document.errors[0];
  if (error === undefined) return [];
  if (error.code === "RESOURCE_EXHAUSTION") return [{ path: [], offset: error.pos[0], message: TOO_DEEP }];
  return [{ path: [], offset: error.pos[0], message: `is not valid YAML: ${syntaxWords(error)}` }];
}

/**
 * kubectl splits a file at lines of `---` and nothing else, before it parses; what stands beside it
 * or after `...` is lost or refused.
 */
function separatorIssue(document: Document.Parsed, index: number, text: string): PlacedIssue[] {
  if (document.errors.length > 0 || isEmptyDocument(document)) return [];
  const offset = document.contents?.range[0] ?? document.range[0];
  const before = text.slice(0, offset);
  const line = before.slice(before.lastIndexOf("\n") + 1);
  if (line.startsWith("---"))
    return [{ path: [], offset, message: "kubectl does not take content on the line of `---`: put it on the next line" }];
  if (index > 0 && document.directives.docStart !== true) {
    return [{ path: [], offset, message: "kubectl does not read on after `...`: separate documents with a line of `---`" }];
  }
  return [];
}

function placeIn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
