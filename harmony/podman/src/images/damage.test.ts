// The order of the repairs; each comes once an incident.

import { expect, test } from "vitest";
import { DamageRecord } from "./damage.ts";

const key = { deployment: "app", service: "web" };
const what = { container: "app_web", detail: "layer not known" };

function record(): { readonly damage: DamageRecord; readonly next: () => string | undefined; readonly pass: (ms: number) => void } {
  let nowMs = 0;
  const damage = new DamageRecord(() => nowMs);
  return { damage, next: () => damage.of("app", ["web"])["web"]?.next ?? undefined, pass: (ms) => void (nowMs += ms) };
}

test("each repair is tried once, and then no more", () => {
  const { damage, next } = record();
  const tried: (string | undefined)[] = [];
  for (const repair of ["recreate", "refetch", "clear", "repair"] as const) {
    damage.found(key, "container", what);
    tried.push(next());
    damage.done(key, repair);
    expect(next()).toBeUndefined();
  }
  damage.found(key, "container", what);
  tried.push(next());
  expect(tried).toEqual(["recreate", "refetch", "clear", "repair", "exhausted"]);
});

test("what is found again before the repair was done changes nothing", () => {
  const { damage, next } = record();
  damage.found(key, "container", what);
  damage.found(key, "image", what);
  expect(next()).toBe("recreate");
});

test("an image that cannot be read is not repaired by another container of it", () => {
  const { damage, next } = record();
  damage.found(key, "image", what);
  expect(next()).toBe("refetch");
});

test("an hour later, and when a person asks, it begins anew", () => {
  const { damage, next, pass } = record();
  damage.found(key, "container", what);
  damage.done(key, "recreate");
  damage.found(key, "container", what);
  expect(next()).toBe("refetch");
  pass(3_600_000);
  expect(next()).toBeUndefined();
  damage.found(key, "container", what);
  expect(next()).toBe("recreate");
  damage.forget("app");
  expect(next()).toBeUndefined();
});

test("an image that is found damaged by a look alone is recorded only when what was seen is kept", () => {
  const { damage, next } = record();
  const seen = damage.of("app", ["web"], new Map([["web", "layer not known"]]));
  expect(seen["web"]).toMatchObject({ next: "refetch", detail: "layer not known", tried: [] });
  expect(next()).toBeUndefined();
  damage.keep("app", seen);
  expect(next()).toBe("refetch");
});
