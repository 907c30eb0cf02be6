import { expect, test } from "vitest";
import { container, parsed } from "../../test/scene.ts";
import { CheckMeter } from "./check-meter.ts";

const data = { services: [{ name: "web", image: "x:1", healthcheck: { test: "true", interval: "3s", timeout: "2s", retries: 2 } }] };
const [service] = parsed(data).services;
const healthy = container("web", data, { health: "healthy" });

test("a healthy container is asked once in half its check's time, and each time while its check is silent", () => {
  const meter = new CheckMeter();
  const look = (atMs: number, end: string): string => {
    if (!meter.isToAsk(healthy, service, atMs)) return `not asked, ${meter.note(healthy, null, atMs)}`;
    return `${meter.note(healthy, end, atMs)}`;
  };
  expect(look(0, "a")).toBe("0");
  expect(look(7_000, "b")).toBe("not asked, 0");
  expect(look(8_000, "b")).toBe("0");
  expect(look(16_000, "b")).toBe("8000");
  expect(look(17_000, "b")).toBe("9000");
  expect(look(24_000, "b")).toBe("16000");
  expect(look(25_000, "c")).toBe("0");
  expect(look(26_000, "c")).toBe("not asked, 0");
});

test("one that was started again begins anew", () => {
  const meter = new CheckMeter();
  meter.note(healthy, "a", 0);
  const again = { ...healthy, startedAtMs: 5 };
  expect(meter.isToAsk(again, service, 1_000)).toBe(true);
  expect(meter.note(again, "a", 20_000)).toBe(0);
});

test.each([
  ["none", 60_000, false],
  ["starting", 1_000, false],
  ["starting", 6_000, true],
  ["unhealthy", 1_000, true],
] as const)("health %s, up for %i ms, is asked: %s", (health, upMs, isAsked) => {
  expect(new CheckMeter().isToAsk({ ...healthy, health, upMs }, service, 0)).toBe(isAsked);
});
