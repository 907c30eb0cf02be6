// The border holds, whatever comes: a result for every input, never a throw, and complaints that
// are few, short and plain.

import { formatIssues } from "@harmony/core";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod/mini";
import { ENVELOPE_LIMITS, type SizeLimits } from "./document-size.ts";
import { DnsLabel } from "./dns-label.ts";
import { parse, parseJson } from "./parse.ts";

/**
 * All that our schemas use: lists of maps, maps by name, unions, strict and loose maps, and parts
 * that are not parsed.
 */
const Document = z.looseObject({
  services: z.array(z.looseObject({ name: z.string(), phase: z.enum(["Running", "Failed"]), ports: z.optional(z.array(z.int())) })),
  deployments: z.optional(z.record(DnsLabel, z.strictObject({ revision: z.int().check(z.nonnegative()) }))),
  either: z.optional(z.union([z.string(), z.strictObject({ a: z.int() }), z.array(z.boolean())])),
  data: z.optional(z.record(z.string(), z.unknown())),
});
const nested = (depth: number, open = "[", close = "]"): string => open.repeat(depth) + close.repeat(depth);
const services = (inside: string, count: number): string => `{"services":[${Array(count).fill(inside).join(",")}]}`;

const hostile: [string, string | Uint8Array, Partial<SizeLimits>, RegExp][] = [
  ["20,000 empty services", services("{}", 20_000), {}, /services\[0\]\.name: is missing.*and 39,981 more$/],
  ["85,000 empty services, more complaints than a stack takes", services("{}", 85_000), {}, /^is too large or too deep to be read/],
  ["more values than are read", services("{}", 20_000), { values: 10_000 }, /^has more than 10,000 values$/],
  ["more bytes than are read", services("{}", 85_000), { bytes: 64 * 1024 }, /^has 250 KiB, more than the 64 KiB that are read$/],
  ["a depth of 100,000", nested(100_000), {}, /^is nested deeper than 128$/],
  ["a depth of 100,000, let through", nested(100_000), ENVELOPE_LIMITS, /./],
  ["a depth of 100,000 where nobody looks", `{"services":[],"data":{"a":${nested(100_000, '{"a":[', "]}")}}}`, {}, /nested deeper/],
  ["a depth that has no end", "[".repeat(1_000_000), {}, /^expected JSON: /],
  ["a wide map", `{"deployments":{${Array.from({ length: 30_000 }, (_, index) => `"A${index}":{}`).join()}}}`, {}, /and [0-9,]+ more$/],
  ["a map of unknown fields", `{"services":[],"deployments":{"a":{"revision":1,${'"x":1,'.repeat(9)}"y":1}}}`, {}, /is not a known field/],
  [
    "names that every object has",
    '{"services":{"length":1},"deployments":{"constructor":7,"__proto__":{"revision":1}}}',
    {},
    /constructor/,
  ],
  ["half a character", '{"services":["\\ud800"],"either":["\\udfff"]}', {}, /services\[0\]/],
  ["a huge string", `{"services":"${"x".repeat(5_000_000)}"}`, {}, /found "x{56}…/],
  ["words for a terminal", '{"services":[{"name":"a","phase":"\\u001b[31m\\u202e\\u009b2J"}]}', {}, /phase: expected/],
  ["a name for a terminal", '{"deployments":{"\\u001b[2J\\r":{}},"services":[]}', {}, /expected a DNS label/],
  ["text that is no JSON, for a terminal", "\u001b]0;title\u0007{", {}, /^expected JSON/],
  ["bytes that are no text", new Uint8Array([0xff, 0xfe, 0x00]), {}, /^expected JSON/],
];

// oxlint-disable-next-line no-control-regex
const OBEYED = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

describe("what is refused", () => {
  test.each(hostile)("%s", (_what, text, limits, says) => {
    const parsed = parseJson(Document, text, limits);
    const issues = parsed.ok ? [] : parsed.issues;
    expect(formatIssues(issues)).toMatch(says);
    expect(issues.length).toBeLessThanOrEqual(20);
    expect(formatIssues(issues)).not.toMatch(OBEYED);
    expect(formatIssues(issues).length).toBeLessThan(8_000);
  });

  test.each([
    [
      "contains itself",
      (() => {
        const list: unknown[] = [];
        list.push(list);
        return list;
      })(),
    ],
    [
      "has a member that throws",
      {
        get services() {
          throw new Error("no");
        },
      },
    ],
    ["has what JSON has no text for", { services: 7n }],
    ["is no data", () => 1],
  ])("a value that %s", (_what, value) => {
    expect(parse(Document, value)).toMatchObject({ ok: false });
  });
});

test("a document that is as large as ours become is read", () => {
  const text = `{"services":[],"data":{"files":"${"x".repeat(128 * 1024)}","deep":${nested(100)}}}`;
  expect(parseJson(Document, text)).toMatchObject({ ok: true });
});

test("there is an answer to every value and every text, in few and plain words", () => {
  const holds = (parsed: ReturnType<typeof parse>): boolean =>
    parsed.ok || (parsed.issues.length >= 1 && parsed.issues.length <= 20 && !OBEYED.test(formatIssues(parsed.issues)));
  const key = fc.constantFrom(
    "services",
    "deployments",
    "either",
    "data",
    "name",
    "phase",
    "ports",
    "revision",
    "__proto__",
    "constructor",
    "\u001b[0m",
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ maxDepth: 6 }, fc.jsonValue(), fc.string({ unit: "binary" }), fc.array(tie("tree")), fc.dictionary(key, tie("tree"))),
  }));
  fc.assert(fc.property(tree, (value) => holds(parse(Document, value))));
  fc.assert(fc.property(tree, (value) => holds(parseJson(Document, JSON.stringify(value)))));
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true }), (value) =>
      holds(parse(Document, value)),
    ),
  );
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => holds(parseJson(Document, text))));
  fc.assert(fc.property(fc.uint8Array(), (bytes) => holds(parseJson(Document, bytes))));
  fc.assert(
    fc.property(fc.nat(200_000), fc.constantFrom("[", '{"a":', '{"services":['), (depth, open) =>
      holds(parseJson(Document, open.repeat(depth))),
    ),
    { numRuns: 20 },
  );
});
