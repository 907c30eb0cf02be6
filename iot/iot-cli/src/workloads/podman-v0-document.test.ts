// Everything that docs/podman-v0.md shows is taken.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { lintFiles } from "./lint-files.ts";

test("the example of docs/podman-v0.md passes lint, and shows every field", async () => {
  const document = await readFile(join(import.meta.dirname, "../../../../docs/podman-v0.md"), "utf8");
  const score = /```yaml\n([\s\S]*?)```/.exec(document)?.[1] ?? "";
  const header = "apiVersion: iot.nationtech.io/v1alpha1\nkind: Deployment\nmetadata: { name: reader }\nspec:\n  targetDevices: [pi-1]\n";
  const text = header + score.replaceAll(/^(?=.)/gm, "  ");
  expect(lintFiles([{ path: "deployment.yaml", content: Buffer.from(text) }])).toEqual({ findings: [], deployments: 1 });
  const schema: unknown = JSON.parse(await readFile(join(import.meta.dirname, "../../../contracts/generated/score.schema.json"), "utf8"));
  const fields = Object.keys(propertiesOfService(schema));
  expect(fields.length).toBeGreaterThan(20);
  expect(fields.filter((field) => field !== "pull" && !new RegExp(`^ *(- |# )?${field}:`, "m").test(score))).toEqual(["command"]);
});

function propertiesOfService(schema: unknown): object {
  const path = ["allOf", "0", "then", "properties", "data", "properties", "services", "items", "properties"];
  const found = path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    schema,
  );
  return typeof found === "object" && found !== null ? found : {};
}
