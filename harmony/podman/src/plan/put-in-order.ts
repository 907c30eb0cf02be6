// Puts in order what a crash or a power cut left half-way, before anything else is decided about a
// version.

import type { Situation } from "./situation.ts";
import { type Stage, stepsOr } from "./stage.ts";
import { discard, settle } from "./swap.ts";

/** A half removed container can only be removed. */
export const discardBroken: Stage<Situation> = {
  name: "discard-broken",
  purpose: "a container is half removed, and good for nothing",
  plan: ({ own }) => stepsOr(own.filter(({ state }) => state === "broken").flatMap(discard), "no container is half removed"),
};

/**
 * Brings names that a crash left half-way to where the exchange goes on; removes one of two
 * containers that nobody wants.
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
