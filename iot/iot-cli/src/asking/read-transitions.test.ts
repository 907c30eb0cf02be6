import { asDeviceId } from "@iot/contracts";
import type { ToldTransition } from "@iot/messaging";
import { expect, test } from "vitest";
import { inOrder } from "./read-transitions.ts";

const told = (device: string, sequence: number, atMs: number, isEstimated = false): ToldTransition => ({
  device: asDeviceId(device),
  sequence,
  atMs,
  receivedAtMs: atMs,
  isEstimated,
  event: { n: sequence, at: "", deployment: "hello", phase: "Running", reason: "Running", message: "", revision: 1 },
});
const shown = (all: readonly ToldTransition[]): string[] => inOrder(all).map(({ device, sequence }) => `${device} ${sequence}`);

test("by time, and those of one device in its own order, however long each was on its way", () => {
  expect(shown([told("a", 1, 100), told("a", 2, 90), told("b", 3, 95), told("a", 4, 200)])).toEqual(["b 3", "a 1", "a 2", "a 4"]);
});

test("a wrong clock of before the last start moves nothing that came after it", () => {
  expect(shown([told("a", 1, 500, true), told("a", 2, 200), told("a", 3, 300)])).toEqual(["a 2", "a 3", "a 1"]);
});
