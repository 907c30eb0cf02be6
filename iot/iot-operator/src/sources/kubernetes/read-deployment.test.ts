// An object that the API server let in is served or refused, whatever it holds, and a list of many is read past one of them.

import type { KubernetesObject } from "@harmony/kube-api";
import { describe, expect, test } from "vitest";
import { readDeployment } from "./read-deployment.ts";

function object(data: unknown): KubernetesObject {
  const spec = { targetDevices: ["pi-1"], score: { type: "PodmanV0", data } };
  return { metadata: { name: "hello", namespace: "default", uid: "u", resourceVersion: "1", generation: 1 }, spec };
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}

describe("a Score of any shape", () => {
  test.each([
    ["nested as deep as the API server takes", { deep: nested(10_000) }, "InvalidSpec", /^is nested deeper than 128$/],
    ["of 700,000 values", { wide: Array(700_000).fill(0) }, "InvalidSpec", /^has more than 250,000 values$/],
    ["of 200,000 values", { wide: Array(200_000).fill(0) }, "ScoreTooLarge", /^spec\.score has 391 KiB/],
    ["that is no map", "\u001b[2J", "InvalidSpec", /^spec\.score\.data: expected a map, found "\\u001b\[2J"$/],
  ])("%s is refused, and said", (_what, data, reason, message) => {
    const read = readDeployment(object(data));
    expect(read.ok ? null : read.refused.reason).toBe(reason);
    expect(read.ok ? "" : read.refused.message).toMatch(message);
  });

  test("nested as deep as a file may be is served", () => {
    expect(readDeployment(object({ deep: nested(100) }))).toMatchObject({ ok: true });
  });
});
