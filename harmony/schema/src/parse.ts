// The border: bytes and values from outside become typed values here or are refused, with the path of every wrong field, what was
// expected and what was found. zod's own messages are translated into these sentences once, here.

import type { Issue, Parsed } from "@harmony/core";
import type * as z from "zod/mini";

export function parse<Schema extends z.ZodMiniType>(schema: Schema, value: unknown): Parsed<z.output<Schema>> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, issues: result.error.issues.flatMap((issue) => toIssues(issue, value)) };
}

/** Of a text, or bytes of UTF-8, that should be JSON. */
export function parseJson<Schema extends z.ZodMiniType>(schema: Schema, text: string | Uint8Array): Parsed<z.output<Schema>> {
  let value: unknown;
  try {
    value = JSON.parse(typeof text === "string" ? text : new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch (error) {
    return { ok: false, issues: [{ path: [], message: `expected JSON: ${error instanceof Error ? error.message : String(error)}` }] };
  }
  return parse(schema, value);
}

function toIssues(issue: z.core.$ZodIssue, root: unknown): Issue[] {
  const path = issue.path.map((key) => (typeof key === "symbol" ? String(key) : key));
  const found = at(root, path);
  const one = (message: string): Issue[] => [{ path, message }];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({ path: [...path, key], message: "is not a known field" }));
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
  const text = JSON.stringify(found);
  return `${message}, found ${text.length > 60 ? `${text.slice(0, 57)}…` : text}`;
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
  return words[expected] ?? expected;
}

function unit(origin: string): string {
  if (origin === "string") return " characters";
  return origin === "array" || origin === "set" ? " entries" : "";
}
