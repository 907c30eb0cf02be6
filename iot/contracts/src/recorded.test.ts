// The documents that releases have sent, kept in recorded/: every later version reads them for
// ever, and drops nothing from them.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseJson } from "@harmony/schema";
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import type * as z from "zod/mini";
import { Deployment, DeploymentStatus, DeviceInventory, DeviceStatus, Manifest, Score, scoreString } from "./index.ts";

const RECORDED = join(import.meta.dirname, "../recorded");
const releases = readdirSync(RECORDED).filter((name) => name.startsWith("v"));

const PARSERS: readonly (readonly [string, z.ZodMiniType])[] = [
  ["manifest.json", Manifest],
  ["status.json", DeviceStatus],
  ["status-with-problem.json", DeviceStatus],
  ["inventory.json", DeviceInventory],
  ["deployment-status.json", DeploymentStatus],
];

describe.each(releases)("what %s sent is read", (release) => {
  const text = (file: string): string => readFileSync(join(RECORDED, release, file), "utf8");

  test.each(PARSERS)("%s", (file, schema) => {
    const document: unknown = JSON.parse(text(file));
    expect(parseJson(schema, text(file))).toEqual({ ok: true, value: document });
  });

  test("score.json, which is written again byte for byte", () => {
    const parsed = parseJson(Score, text("score.json"));
    expect(parsed.ok ? scoreString(parsed.value) : parsed.issues).toBe(text("score.json"));
  });

  test("deployment.yaml, which gives that Score", () => {
    const parsed = parse(Deployment, parseYaml(text("deployment.yaml")));
    expect(parsed.ok ? scoreString(parsed.value.spec.score) : parsed.issues).toBe(text("score.json"));
  });
});
