import { PHASES } from "@harmony/core";
import { expect, test } from "vitest";
import { classOfPhase } from "./phase-class.ts";

test("one phase is fine, five are trouble, and the others are under way", () => {
  const classes = Object.groupBy(PHASES, classOfPhase);
  expect(classes.fine).toEqual(["Running"]);
  expect(classes.trouble).toEqual(["Degraded", "RolledBack", "Failed", "Rejected", "Blocked"]);
  expect(classes["under-way"]).toHaveLength(PHASES.length - 6);
});

test.each(["Verifying", "running", "", "constructor", "__proto__"])("a phase that is not known (%j) is under way", (phase) => {
  expect(classOfPhase(phase)).toBe("under-way");
});
