import { expect, test } from "vitest";
import { hearsSignal, signalNumber } from "./stop-signal.ts";

const status = (caught: string, blocked = "0000000000000000"): string => `Name:\tsh\nSigBlk:\t${blocked}\nSigIgn:\t0\nSigCgt:\t${caught}\n`;

test.each([
  [15, 15],
  ["15", 15],
  ["SIGTERM", 15],
  ["quit", 3],
  ["SIGRTMIN+3", 37],
  ["SIGRTMIN", 34],
  ["", null],
  ["SIGNOTHING", null],
])("the signal %j is %j", (said, number) => {
  expect(signalNumber(said)).toBe(number);
});

test.each([
  ["a shell, which catches SIGCHLD alone", status("0000000000010000"), false],
  ["a program that catches SIGTERM", status("0000000000004000"), true],
  ["an init, which blocks signals and takes them from a queue", status("0000000000000000", "fffffffffffbfeff"), true],
  ["a process of which nothing can be read", "", null],
])("%s", (_what, text, hears) => {
  expect(hearsSignal(text, 15)).toBe(hears);
});
