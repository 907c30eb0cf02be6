import { expect, test } from "vitest";
import { BusyRegistries } from "./busy-registries.ts";

function registries() {
  let nowMs = 0;
  return { busy: new BusyRegistries(() => nowMs), pass: (ms: number) => void (nowMs += ms) };
}

test("a registry that is asked too often is left alone for ten minutes from when it said so last, and no other is", () => {
  const { busy, pass } = registries();
  expect(busy.of("docker.io")).toBeNull();
  busy.found("docker.io", "toomanyrequests");
  pass(599_999);
  expect(busy.of("docker.io")).toBe("toomanyrequests");
  expect(busy.of("ghcr.io")).toBeNull();
  pass(1);
  expect(busy.of("docker.io")).toBeNull();
  busy.found("docker.io", "once more");
  pass(599_999);
  expect(busy.of("docker.io")).toBe("once more");
});

test("when a person asks, it is asked at once", () => {
  const { busy } = registries();
  busy.found("docker.io", "toomanyrequests");
  busy.forget();
  expect(busy.of("docker.io")).toBeNull();
});
