// Goldens: the outputs of pure code for stored inputs at a release, one JSON line a case, gzipped.
// A file of them is recorded once. The test of a later version computes the outputs from the same
// inputs and prints the first place where they differ.

import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import * as z from "zod/mini";

const Golden = z.object({ name: z.string(), input: z.unknown(), output: z.unknown() });
export type Golden = z.output<typeof Golden>;

export function readGoldens(file: string): Golden[] {
  const lines = gunzipSync(readFileSync(file)).toString("utf8").trimEnd().split("\n");
  return lines.map((line) => z.parse(Golden, JSON.parse(line)));
}

/** The same goldens give the same bytes. */
export function writeGoldens(file: string, goldens: readonly Golden[]): void {
  const lines = goldens.map(({ name, input, output }) => `${JSON.stringify(sorted({ name, input, output }))}\n`);
  writeFileSync(file, gzipSync(lines.join(""), { level: 9 }));
}

/**
 * Empty when `run` gives the stored output of each case. If not, it is the first difference, in a
 * few lines for a person.
 */
export function differencesFromGoldens(goldens: readonly Golden[], run: (input: unknown) => unknown): string {
  const differing = goldens.flatMap(({ name, input, output }) => {
    const [first] = differences(output, throughJson(run(input)), "");
    return first === undefined ? [] : [`${JSON.stringify(name)}\n  ${first}`];
  });
  return differing.length === 0 ? "" : `${differing.length} of ${goldens.length} cases differ, the first is ${differing[0]}`;
}

/** The value as it is read back: without the members that are undefined. */
function throughJson(value: unknown): unknown {
  const text = JSON.stringify(value);
  return text === undefined ? null : JSON.parse(text);
}

function* differences(was: unknown, is: unknown, path: string): Generator<string> {
  if (isObject(was) && isObject(is) && Array.isArray(was) === Array.isArray(is)) {
    for (const key of new Set([...Object.keys(was), ...Object.keys(is)])) {
      yield* differences(Reflect.get(was, key), Reflect.get(is, key), Array.isArray(was) ? `${path}[${key}]` : `${path}.${key}`);
    }
  } else if (!Object.is(was, is)) {
    yield `${path.replace(/^\./, "")}\n    was ${inWords(was)}\n    is  ${inWords(is)}`;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function inWords(value: unknown): string {
  return value === undefined ? "absent" : JSON.stringify(value);
}

function sorted(value: unknown): unknown {
  if (!isObject(value)) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const keys = Object.keys(value).toSorted();
  return Object.fromEntries(keys.map((key) => [key, sorted(Reflect.get(value, key))]));
}
