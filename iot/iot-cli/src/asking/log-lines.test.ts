import type { LogLine } from "@iot/contracts";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LogLines } from "./log-lines.ts";

/** Every third line ends a frame, and has a cursor. */
const LINES: readonly LogLine[] = Array.from({ length: 9 }, (_, index) => ({
  t: index,
  s: "out",
  m: `line ${index} é€😀`,
  ...(index % 3 === 2 ? { c: String(index) } : {}),
}));
const BYTES = Buffer.from(LINES.map((line) => `${JSON.stringify(line)}\n`).join(""));

test("lines come out whole and in order, wherever their bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: BYTES.length }), { maxLength: 20 }), (cuts) => {
      const lines = new LogLines();
      const at = [0, ...cuts.toSorted((a, b) => a - b), BYTES.length];
      const given = at.slice(1).flatMap((end, index) => lines.take(BYTES.subarray(at[index], end)));
      expect(given).toEqual(LINES);
      expect(lines.cursor).toBe("8");
    }),
  );
});

test("a log that is cut off anywhere and taken up after its cursor has no gap and no line twice", () => {
  for (let end = 0; end <= BYTES.length; end += 1) {
    const lines = new LogLines();
    const before = lines.take(BYTES.subarray(0, end));
    lines.interrupted();
    const from = lines.cursor === undefined ? 0 : Number(lines.cursor) + 1;
    const after = lines.take(
      Buffer.from(
        LINES.slice(from)
          .map((line) => `${JSON.stringify(line)}\n`)
          .join(""),
      ),
    );
    expect([...before, ...after]).toEqual(LINES);
  }
});

test("what is no line is passed over", () => {
  const lines = new LogLines();
  const one = { t: 1, s: "out", m: "one", c: "1" };
  expect(lines.take(Buffer.from(`garbage\n{"t":"x"}\n[]\n${JSON.stringify(one)}\n`))).toEqual([one]);
});
