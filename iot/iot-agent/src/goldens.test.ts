// A device reports today what it reported at v0.1.0, in some hundred cases.

import { differencesFromGoldens, readGoldens } from "@iot/testkit";
import { expect, test } from "vitest";
import { GOLDENS_FILE, run } from "../test/goldens/adapter.ts";

test("statuses and sentences are those of v0.1.0", () => {
  const goldens = readGoldens(GOLDENS_FILE);
  expect(goldens.length).toBeGreaterThan(100);
  expect(differencesFromGoldens(goldens, run)).toBe("");
});
