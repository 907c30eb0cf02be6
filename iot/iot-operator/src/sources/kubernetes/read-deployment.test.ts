// An object that the API server let in is served or refused, whatever it holds, and a list of many
// is read past one of them.

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
    [
      "nested as deep as the API server takes",
      { deep: nested(10_000) },
      "InvalidSpec",
      /^is nested deeper than 128; correct it and apply it again$/,
    ],
    ["of 700,000 values", { wide: Array(700_000).fill(0) }, "InvalidSpec", /^has more than 250,000 values; correct it and apply it again$/],
    ["of 200,000 values", { wide: Array(200_000).fill(0) }, "ScoreTooLarge", /^spec\.score has 391 KiB/],
    [
      "that is no map",
      "\u001b[2J",
      "InvalidSpec",
      /^spec\.score\.data: expected a map, found "\\u001b\[2J"; correct it and apply it again$/,
    ],
  ])("%s is refused, and said", (_what, data, reason, message) => {
    const read = readDeployment(object(data));
    expect(read.ok ? null : read.refused.reason).toBe(reason);
    expect(read.ok ? "" : read.refused.message).toMatch(message);
  });

  test.each([
    [
      "9007199254740993",
      '{"a": [0, 9007199254740993]}',
      "spec.score.data.a[1]: has a whole number above 2^53 (about 9007199254740992), which changes on its way: put it in quotes",
    ],
    ["a number of int64", '{"a": -9223372036854775808}', "spec.score.data.a: has a whole number above 2^53"],
    ["1e21", '{"a": 1e21}', "spec.score.data.a: has a whole number above 2^53"],
    ["__proto__", '{"a": {"__proto__": {"x": 1}}}', "spec.score.data.a.__proto__: the name __proto__ is not taken: give it another"],
  ])("with %s is refused, for it would change on its way", (_what, data, says) => {
    const read = readDeployment(object(JSON.parse(data)));
    expect(read.ok ? "" : read.refused.message).toContain(says);
    expect(readDeployment(object(JSON.parse(`{"a": [9007199254740991, 0.1, "9007199254740993"], "constructor": 1}`)))).toMatchObject({
      ok: true,
    });
  });

  test("nested as deep as a file may be is served", () => {
    expect(readDeployment(object({ deep: nested(100) }))).toMatchObject({ ok: true });
  });
});
