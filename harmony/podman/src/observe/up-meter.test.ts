import { expect, test } from "vitest";
import { container, NOW_MS } from "../../test/scene.ts";
import type { Container } from "../model/snapshot.ts";
import { UpMeter } from "./up-meter.ts";

const data = { services: [{ name: "web", image: "x:1" }] };

test("a container is up from the first look at its start on, and alive from the first look at it", () => {
  const meter = new UpMeter();
  const look = (atS: number, more: Partial<Container> = {}) => {
    const { upMs, aliveMs } = meter.note(container("web", data, more), atS * 1_000);
    return [upMs / 1_000, aliveMs / 1_000];
  };
  expect([look(100), look(103)]).toEqual([
    [0, 0],
    [3, 3],
  ]);
  // It ended by itself and runs again, under a clock that was set back meanwhile.
  const again = { startedAtMs: NOW_MS - 10 ** 9 };
  expect([look(104, { state: "exited" }), look(105, again), look(107, again)]).toEqual([
    [0, 4],
    [0, 5],
    [2, 7],
  ]);
  // A container that was stopped by a call, lost with the device, or made anew counts anew.
  for (const more of [{ state: "exited", stoppedByUser: true }, { state: "created" }] as const) {
    expect([look(110, more), look(111, again), look(112, again)]).toEqual([
      [0, 0],
      [0, 0],
      [1, 1],
    ]);
  }
  expect(look(113, { createdAtMs: NOW_MS })).toEqual([0, 0]);
});
