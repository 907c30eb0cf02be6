// Deadlines against a list of them that is gone through.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Deadlines } from "./deadlines.ts";

test("whatever was put off, brought forward or taken back, those that are due are the same", () => {
  const set = fc.record({ kind: fc.constant("set" as const), key: fc.nat(5), inMs: fc.integer({ min: -10, max: 50 }) });
  const others = fc.oneof(
    fc.record({ kind: fc.constant("delete" as const), key: fc.nat(5) }),
    fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(30) }),
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(set, others)), (deeds) => {
      const deadlines = new Deadlines<number>();
      const listed = new Map<number, number>();
      let nowMs = 0;
      for (const deed of deeds) {
        if (deed.kind === "set") {
          deadlines.set(deed.key, nowMs + deed.inMs);
          listed.set(deed.key, nowMs + deed.inMs);
        } else if (deed.kind === "delete") {
          deadlines.delete(deed.key);
          listed.delete(deed.key);
        } else {
          nowMs += deed.ms;
          const due = [...listed].filter(([, atMs]) => atMs < nowMs).map(([key]) => key);
          for (const key of due) listed.delete(key);
          expect(new Set(deadlines.takeDue(nowMs))).toEqual(new Set(due));
        }
      }
    }),
    { numRuns: 1_000 },
  );
});
