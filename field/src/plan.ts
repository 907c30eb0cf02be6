// Plans the cuts of a run. Pure, from the seed alone, so that a run can be continued and any one
// cut made again. The phases take turns, in an order that the seed gives, so that a run which ends
// early has had its share of each.

import { seeded } from "./random.ts";

export const PHASES = ["idle", "pull", "create", "swap", "state", "boot"] as const;
export type Phase = (typeof PHASES)[number];

export interface Cut {
  /** Counts from 1. */
  readonly number: number;
  readonly phase: Phase;
  /** The time from the beginning of the phase (see PHASE_BEGINS) to the cut. */
  readonly delayMs: number;
  /** The share of the writes after the last flush that reach the disk. */
  readonly keep: number;
  /** For `boot`: whether a new version was published while the device was off. */
  readonly newVersion: boolean;
}

/** The beginning of each phase, in words for the report. */
export const PHASE_BEGINS: Readonly<Record<Phase, string>> = {
  idle: "the device is reconciled",
  pull: "the registry is asked for the first layer",
  create: "Podman makes the new container's folder",
  swap: "the agent writes the swap's journal",
  state: "the agent writes its desired state, one of a burst",
  boot: "the power comes on",
};

/** The duration of each phase on an emulated device, and a little more. */
const WINDOW_MS: Readonly<Record<Phase, number>> = { idle: 3_000, pull: 8_000, create: 3_000, swap: 15_000, state: 6_000, boot: 50_000 };

/** The shares of writes after the last flush that survive: none, half, or all. */
const KEEPS = [0, 0.5, 1] as const;

export function planCuts(options: { readonly seed: number; readonly cuts: number }): readonly Cut[] {
  return Array.from({ length: options.cuts }, (_, index) => planCut(options.seed, index + 1));
}

export function planCut(seed: number, number: number): Cut {
  const round = Math.floor((number - 1) / PHASES.length);
  const phase = shuffled(PHASES, seed ^ (round * 0x9e3779b1))[(number - 1) % PHASES.length] ?? "idle";
  const random = cutRandom(seed, number);
  return {
    number,
    phase,
    delayMs: Math.floor(random.next() * WINDOW_MS[phase]),
    keep: KEEPS[Math.floor(random.next() * KEEPS.length)] ?? 0,
    newVersion: random.next() < 0.5,
  };
}

/** The numbers for the other draw of a cut: which of its unflushed writes are lost. */
export function cutRandom(seed: number, number: number): ReturnType<typeof seeded> {
  return seeded(Math.imul(seed + 1, 0x01000193) ^ Math.imul(number, 0x85ebca6b));
}

function shuffled<Item>(items: readonly Item[], seed: number): readonly Item[] {
  const random = seeded(seed);
  return items
    .map((item) => ({ item, at: random.next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
