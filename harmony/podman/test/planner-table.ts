// A table of the planner: the present state, the wanted one, the steps between, each in a few
// words.

import { describe, expect, test } from "vitest";
import { plan } from "../src/plan/planner.ts";
import { desired, type Have, inWords, snapshot } from "./scene.ts";

export interface Row {
  readonly name: string;
  readonly want: unknown;
  readonly more?: Parameters<typeof desired>[1];
  readonly have?: Have;
  readonly steps: readonly string[];
  readonly blocked?: readonly string[];
}

export function testTable(rows: Readonly<Record<string, readonly Row[]>>): void {
  describe.each(Object.keys(rows))("%s", (title) => {
    test.each(rows[title] ?? [])("$name", ({ want, more, have, steps, blocked = [] }) => {
      const result = plan(desired(want, more), snapshot(have));
      expect(result.steps.map(inWords)).toEqual(steps);
      expect(result.blocked.map(({ subject, reason }) => `${subject} ${reason}`)).toEqual(blocked);
    });
  });
}
