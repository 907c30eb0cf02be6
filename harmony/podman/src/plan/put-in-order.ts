// What a crash or a power cut left half-way is put in order before anything else is decided of a
// version.

import type { Situation } from "./situation.ts";
import { type Stage, stepsOr } from "./stage.ts";
import { discard, settle } from "./swap.ts";

/** What is half removed is good for nothing. */
export const discardBroken: Stage<Situation> = {
  name: "discard-broken",
  purpose: "a container is half removed, and good for nothing",
  plan: ({ own }) => stepsOr(own.filter(({ state }) => state === "broken").flatMap(discard), "no container is half removed"),
};

/**
 * Brings names that a crash left half-way to where the exchange goes on; of two containers that
 * nobody wants one goes.
 */
export const settleNames: Stage<Situation> = {
  name: "settle-names",
  purpose: "containers bear names that an exchange was left with half-way",
  plan: ({ slots, swap }) =>
    stepsOr(
      slots.flatMap((slot) => settle(slot, swap)),
      "every container bears the name that the exchange goes on from",
    ),
};
