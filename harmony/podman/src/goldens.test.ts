// Planner, report and explanation give today what they gave at v0.1.0, for some thousand snapshots.

import { differencesFromGoldens, readGoldens } from "@iot/testkit";
import { expect, test } from "vitest";
import { compared, GOLDENS_FILE, run } from "../test/goldens/adapter.ts";

test("plans and reports are those of v0.1.0", () => {
  const goldens = readGoldens(GOLDENS_FILE);
  expect(goldens.length).toBeGreaterThan(1_000);
  expect(
    differencesFromGoldens(
      goldens.map((golden) => ({ ...golden, output: compared(golden.output) })),
      (input) => compared(run(input)),
    ),
  ).toBe("");
}, 60_000);
