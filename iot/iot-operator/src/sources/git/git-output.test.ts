// What git writes comes in pieces that are cut anywhere.

import fc from "fast-check";
import { expect, test } from "vitest";
import { batchBlobs, nulRecords, type OutputParser } from "./git-output.ts";

function pushed(parser: OutputParser, bytes: Buffer, cuts: readonly number[]): void {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  ends.forEach((end, index) => parser.push(bytes.subarray(ends[index - 1] ?? 0, end)));
  parser.end();
}

const cuts = fc.array(fc.nat(10_000), { maxLength: 20 });
const text = fc.string({ unit: "binary" }).map((one) => one.replaceAll("\0", ""));

test("records are the same, wherever the pieces are cut", () => {
  fc.assert(
    fc.property(fc.array(text), cuts, (records, at) => {
      const found: string[] = [];
      pushed(
        nulRecords((record) => found.push(record)),
        Buffer.from(records.join("\0")),
        at,
      );
      expect(found).toEqual(records.map((record) => Buffer.from(record).toString()).filter((record) => record !== ""));
    }),
  );
});

test("so are contents, whatever is in them", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), cuts, (contents, at) => {
      const found: (readonly [string, string])[] = [];
      const written = contents.map((content, index) => [Buffer.from(`${index} blob ${content.length}\n`), content, Buffer.from("\n")]);
      pushed(
        batchBlobs((oid, content) => found.push([oid, content.toString("hex")])),
        Buffer.concat(written.flat()),
        at,
      );
      expect(found).toEqual(contents.map((content, index) => [String(index), Buffer.from(content).toString("hex")]));
    }),
  );
});

test.each([
  ["what is not there", "1".repeat(40) + " missing\n"],
  ["a folder", `${"1".repeat(40)} tree 3\nabc\n`],
  ["a line without end", "x".repeat(1_000)],
  ["a content that is cut", `${"1".repeat(40)} blob 10\nabc`],
])("%s is no content, and is refused", (_what, output) => {
  expect(() =>
    pushed(
      batchBlobs(() => undefined),
      Buffer.from(output),
      [3, 50],
    ),
  ).toThrow("something that is not a file's content");
});
