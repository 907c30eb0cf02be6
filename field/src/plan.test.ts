import { describe, expect, test } from "vitest";
import { PHASES, planCut, planCuts } from "./plan.ts";

describe("the plan of a run", () => {
  test("is decided by the seed, and another seed has another", () => {
    expect(planCuts({ seed: 7, cuts: 30 })).toEqual(planCuts({ seed: 7, cuts: 30 }));
    expect(planCuts({ seed: 7, cuts: 30 })).not.toEqual(planCuts({ seed: 8, cuts: 30 }));
  });

  test("has each cut by itself the same, so that one can be made again", () => {
    const plan = planCuts({ seed: 7, cuts: 30 });
    expect(plan.map(({ number }) => planCut(7, number))).toEqual(plan);
  });

  test("gives every phase its turn in each round, whenever it is ended", () => {
    const plan = planCuts({ seed: 3, cuts: 60 });
    for (let at = 0; at < plan.length; at += PHASES.length)
      expect(
        plan
          .slice(at, at + PHASES.length)
          .map(({ phase }) => phase)
          .toSorted(),
      ).toEqual(PHASES.toSorted());
  });

  test("spreads the moments over the phase, and the losses over none, half and all", () => {
    const swaps = planCuts({ seed: 1, cuts: 600 }).filter(({ phase }) => phase === "swap");
    const quarters = [0, 1, 2, 3].map((quarter) => swaps.filter(({ delayMs }) => Math.floor(delayMs / 3_750) === quarter).length);
    expect(Math.min(...quarters)).toBeGreaterThan(swaps.length / 8);
    expect(new Set(swaps.map(({ keep }) => keep))).toEqual(new Set([0, 0.5, 1]));
  });
});
