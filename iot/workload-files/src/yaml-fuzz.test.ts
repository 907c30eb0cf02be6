// Random YAML as large as is taken, made of what costs a parser most: whatever it is, the reader
// answers in a bounded time, with sentences that are few. `IOT_FUZZ_MS` has it go on for so long,
// as at night; a failure is printed with its seed.

import * as fc from "fast-check";
import { YAML_ATOMS } from "@iot/testkit";
import { expect, test } from "vitest";
import { readPlainly } from "./read-plainly.ts";
import { parseYamlValue } from "./yaml-value.ts";

const ATOMS = [...YAML_ATOMS, "kind: Deployment\n"];
const HEAD = "apiVersion: iot.nationtech.io/v1alpha1\nkind: Deployment\nmetadata: { name: a }\nspec: { targetDevices: [d] }\n";

const budgetMs = Number(process.env["IOT_FUZZ_MS"] ?? 8_000);

/** A few atoms, said again and again up to a size, with a head or without. */
const someText = fc
  .record({
    atoms: fc.array(fc.constantFrom(...ATOMS), { minLength: 1, maxLength: 6 }),
    tail: fc.array(fc.constantFrom(...ATOMS), { maxLength: 6 }),
    characters: fc.constantFrom(10, 100, 1_000, 4_000, 16_000, 64_000),
    head: fc.constantFrom("", HEAD, `${HEAD}x:\n  `, `${HEAD}---\n`),
  })
  .map(({ atoms, tail, characters, head }) => {
    const unit = atoms.join("");
    return head + unit.repeat(Math.ceil(characters / unit.length)) + tail.join("");
  });

test(
  "any text is answered, and in few words",
  () => {
    fc.assert(
      fc.property(someText, (text) => {
        const file = { path: "x.yaml", content: Buffer.from(text) };
        const { deployments, issues } = readPlainly(file);
        expect(issues.length).toBeLessThanOrEqual(101);
        for (const { message, path } of issues) expect(message.length + path.length).toBeLessThanOrEqual(2_000);
        expect(deployments.length === 0 || issues.length === 0).toBe(true);
        expect(typeof parseYamlValue(file).ok).toBe("boolean");
      }),
      { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: budgetMs, markInterruptAsFailure: false },
    );
  },
  budgetMs + 60_000,
);

test.each([
  ["a name of an alias", "*a".repeat(9_000)],
  ["a key twice", `${"k".repeat(1_000)}: 1\n${"k".repeat(1_000)}: 2`.repeat(9)],
  ["a tag", `!${"t".repeat(9_000)} a`],
])("the sentence on %s of any length is short", (_what, text) => {
  const file = { path: "x.yaml", content: Buffer.from(`${HEAD}x: ${text}\n`) };
  const { issues } = readPlainly(file);
  expect(issues.length).toBeGreaterThan(0);
  for (const { message, path } of issues) expect(message.length + path.length).toBeLessThanOrEqual(2_000);
  const value = parseYamlValue(file);
  if (!value.ok) expect(value.problem.length).toBeLessThan(1_100);
});
