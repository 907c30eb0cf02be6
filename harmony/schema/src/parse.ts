// The border: bytes and values from outside become typed values here or are refused, with the path
// of every wrong field, what was expected and what was found. This is the only place that
// translates zod's own messages into these sentences. It is total: it refuses a value larger than
// its limits before a schema sees it, and a value that a schema cannot bear. Its sentences are
// bounded and fit for a terminal: at most 20 issues, of which the last counts the rest.

import { type Issue, type Parsed, plainText } from "@harmony/core";
import type * as z from "zod/mini";
import { DOCUMENT_LIMITS, type SizeLimits, tooLarge } from "./document-size.ts";
import { knownFields } from "./known-fields.ts";
import { lookUp } from "./look-up.ts";
import { nearName, shortenedName } from "./near-name.ts";

const ISSUES = 20;
const MESSAGE_CHARACTERS = 300;
const KEY_CHARACTERS = 100;
const FOUND_CHARACTERS = 60;

export function parse<Schema extends z.ZodMiniType>(
  schema: Schema,
  value: unknown,
  limits: Partial<SizeLimits> = {},
): Parsed<z.output<Schema>> {
  try {
    const large = tooLarge(value, { ...DOCUMENT_LIMITS, ...limits });
    if (large !== null) return refused(large);
    const result = schema.safeParse(value, { reportInput: true });
    return result.success ? { ok: true, value: result.data } : { ok: false, issues: issuesOf(result.error.issues, { value, schema }) };
  } catch (error) {
    // zod puts all complaints of one list on the stack at once; JSON.stringify goes down as deep as
    // the value.
    if (error instanceof RangeError) return refused("is too large or too deep to be read, or more is wrong with it than can be said");
    return refused(`is not a document that can be read (${reasonOf(error)})`);
  }
}

/** Parses a text, or bytes of UTF-8, that should be JSON. */
export function parseJson<Schema extends z.ZodMiniType>(
  schema: Schema,
  text: string | Uint8Array,
  limits: Partial<SizeLimits> = {},
): Parsed<z.output<Schema>> {
  const { bytes: most } = { ...DOCUMENT_LIMITS, ...limits };
  // A text is measured by its characters: it has at least as many bytes.
  if (text.length > most) return refused(`has ${kib(text.length)}, more than the ${kib(most)} that are read`);
  let value: unknown;
  try {
    value = JSON.parse(typeof text === "string" ? text : new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch (error) {
    return refused(`expected JSON: ${reasonOf(error)}`);
  }
  return parse(schema, value, limits);
}

function refused(message: string): { ok: false; issues: Issue[] } {
  return { ok: false, issues: [{ path: [], message: plainText(message, MESSAGE_CHARACTERS) }] };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : "no reason is given";
}

function kib(bytes: number): string {
  return `${Math.ceil(bytes / 1024).toLocaleString("en")} KiB`;
}

/** The document, and the schema that it was held against. */
interface Root {
  readonly value: unknown;
  readonly schema: z.ZodMiniType;
}

function issuesOf(found: readonly z.core.$ZodIssue[], root: Root): Issue[] {
  const shown: Issue[] = [];
  let count = 0;
  for (const issue of found) {
    if (shown.length >= ISSUES) count += issue.code === "unrecognized_keys" ? issue.keys.length : 1;
    else {
      const issues = toIssues(issue, root);
      count += issues.length;
      shown.push(...issues.slice(0, ISSUES).map(fit));
    }
  }
  if (count <= ISSUES) return shown;
  const kept = shown.slice(0, ISSUES - 1);
  return [...kept, { path: [], message: `and ${(count - kept.length).toLocaleString("en")} more` }];
}

function fit({ path, message }: Issue): Issue {
  return {
    path: path.map((key) => (typeof key === "string" ? plainText(key, KEY_CHARACTERS) : key)),
    message: plainText(message, MESSAGE_CHARACTERS),
  };
}

function toIssues(issue: z.core.$ZodIssue, root: Root): Issue[] {
  const path = issue.path.map((key) => (typeof key === "symbol" ? String(key) : key));
  const found = at(root.value, path);
  const one = (message: string): Issue[] => [{ path, message }];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({ path: [...path, key], message: unknownField(key, knownFields(root.schema, path)) }));
    case "invalid_type":
      if (isOwn(issue.message)) return one(withFound(issue.message, found));
      return one(
        found === undefined ? `is missing: expected ${article(issue.expected)}` : withFound(`expected ${article(issue.expected)}`, found),
      );
    case "invalid_value":
      return one(withFound(`expected ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`, found));
    case "too_small":
      return one(withFound(`expected at least ${issue.minimum}${unit(issue.origin)}`, found));
    case "too_big":
      return one(withFound(`expected at most ${issue.maximum}${unit(issue.origin)}`, found));
    case "invalid_key":
      return one(withFound(issue.issues[0]?.message ?? "is not a valid name", path.at(-1)));
    case "invalid_union": {
      if (isOwn(issue.message)) return one(withFound(issue.message, found));
      const nearest = issue.errors.find((errors) => errors.some(({ path: inner }) => inner.length > 0));
      if (nearest !== undefined) return nearest.flatMap((inner) => toIssues({ ...inner, path: [...issue.path, ...inner.path] }, root));
      const expected = issue.errors.flatMap((errors) =>
        errors.flatMap((inner) => ("expected" in inner ? [article(String(inner.expected))] : [])),
      );
      return one(withFound(`expected ${[...new Set(expected)].join(" or ") || "another form"}`, found));
    }
    default:
      return one(withFound(issue.message === "" ? "is not valid" : issue.message, found));
  }
}

function unknownField(key: string, known: readonly string[]): string {
  const near = nearName(key, known) ?? shortenedName(key, known);
  return near === null ? "is not a known field" : `is not a known field: do you mean ${near}?`;
}

/** Whether a schema brought its own sentence; zod's begin like this. */
function isOwn(message: string): boolean {
  return message !== "" && !message.startsWith("Invalid input");
}

function at(root: unknown, path: Issue["path"]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined),
    root,
  );
}

function withFound(message: string, found: unknown): string {
  if (found === undefined) return message;
  const text = JSON.stringify(found) ?? typeof found;
  return `${message}, found ${text.length > FOUND_CHARACTERS ? `${text.slice(0, FOUND_CHARACTERS - 3)}…` : text}`;
}

function article(expected: string): string {
  const words: Record<string, string> = {
    string: "text",
    int: "a whole number",
    number: "a number",
    boolean: "true or false",
    array: "a list",
    object: "a map",
    record: "a map",
  };
  return lookUp(words, expected) ?? expected;
}

function unit(origin: string): string {
  if (origin === "string") return " characters";
  return origin === "array" || origin === "set" ? " entries" : "";
}
