// Some changed repositories are read in words, and nothing is removed that has something in its
// place. `npm run fuzz` tries many more.

import { expect, test } from "vitest";
import { fuzzGit } from "../../../test/fuzz/fuzz-git.ts";

test("changed repositories are answered in words, and only what is gone is removed", async () => {
  const { found, tried, removals } = await fuzzGit({ seed: 20_261_129, count: 100, untilMs: Infinity });
  expect(found).toBeNull();
  expect(tried).toBe(100);
  expect(removals).toBeGreaterThan(10);
}, 60_000);
