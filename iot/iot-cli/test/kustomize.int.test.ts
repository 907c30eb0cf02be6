// The warnings about Kustomize are true: `kubectl kustomize` changes a Deployment of ours exactly where `iot lint` warns that it does.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { kubernetesPrograms, makeTempFolder, run } from "@iot/testkit";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { findFiles } from "../src/find-files.ts";
import { repositoryFiles } from "../src/init-repository.ts";
import { lintFiles } from "../src/lint-files.ts";

test.each([
  ["replicas: [{name: hello-world, count: 3}]", ["replicas"], true],
  ["labels: [{pairs: {a: b}, includeSelectors: true}]", ["selector", "template"], true],
  ["labels: [{pairs: {a: b}, includeTemplates: true}]", ["template"], true],
  ["commonLabels: {a: b}", ["selector", "template"], true],
  ["commonAnnotations: {a: b}", ["template"], true],
  // Warned of because it changes nothing.
  ["images: [{name: docker.io/library/nginx, newTag: '2'}]", [], true],
  ["labels: [{pairs: {a: b}}]", [], false],
  ["replicas: []", [], false],
  ["namePrefix: a-", [], false],
])("%s", async (transformer, added, isWarned) => {
  const { kubectl } = await kubernetesPrograms();
  const folder = await makeTempFolder("kustomize");
  try {
    const text = repositoryFiles("hello-world", "pi-1").get("deployment.yaml") ?? "";
    await writeFile(join(folder.path, "deployment.yaml"), text);
    await writeFile(join(folder.path, "kustomization.yaml"), `resources: [deployment.yaml]\n${transformer}\n`);
    const { stdout } = await run([kubectl, "kustomize", folder.path]);
    const before: unknown = parse(text);
    const after: unknown = parse(stdout);
    expect(after).toMatchObject({ spec: member(before, "spec") });
    const fields = Object.keys(member(after, "spec")).filter((field) => !(field in member(before, "spec")));
    expect(fields.toSorted()).toEqual(added);
    const { files } = await findFiles([folder.path]);
    expect(lintFiles(files).findings.length > 0).toBe(isWarned);
  } finally {
    await folder.remove();
  }
});

function member(value: unknown, key: string): object {
  const found: unknown = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
  if (typeof found !== "object" || found === null) throw new Error(`no ${key}`);
  return found;
}
