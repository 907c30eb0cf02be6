// The warnings about Kustomize are true: `kubectl kustomize` changes a Deployment of ours exactly
// where `iot lint` warns that it does.

import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { kubernetesPrograms, makeTempFolder, run } from "@iot/testkit";
import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { findFiles } from "../src/workloads/find-files.ts";
import { repositoryFiles } from "../src/workloads/init-repository.ts";
import type { Finding } from "../src/workloads/finding.ts";
import { lintFiles } from "../src/workloads/lint-files.ts";

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

test("images reach those of a Score with the configuration that iot init makes", async () => {
  const made = repositoryFiles("hello-world", "pi-1");
  const kustomization = `resources: [deployment.yaml]
configurations: [.iot/kustomize.yaml]
images: [{name: docker.io/library/nginx, newTag: '9.9'}]
`;
  const { built, findings } = await kustomized({ ...Object.fromEntries(made), "kustomization.yaml": kustomization });
  expect(built).toContain("image: docker.io/library/nginx:9.9\n");
  expect(findings).toEqual([]);
});

test.each([
  ["patches: [{path: p.yaml}]", "{name: web, env: {A: b}}", true],
  ["patches: [{path: p.yaml, target: {kind: Deployment}}]", "{name: web, env: {A: b}}", true],
  ["patches: [{path: p.yaml}]", "{name: web, image: 'nginx:2', env: {A: b}}", false],
])("%s with %s: an image is dropped: %s", async (patches, service, isDropped) => {
  const text = repositoryFiles("hello-world", "pi-1").get("deployment.yaml") ?? "";
  const { built, findings } = await kustomized({
    "deployment.yaml": text,
    "kustomization.yaml": `resources: [deployment.yaml]\n${patches}\n`,
    "p.yaml": `apiVersion: iot.nationtech.io/v1alpha1
kind: Deployment
metadata: {name: hello-world}
spec: {score: {data: {services: [${service}]}}}
`,
  });
  expect(built.includes("image:")).toBe(!isDropped);
  expect(findings.filter(({ severity }) => severity === "error").map(({ message }) => message.includes("drops the image of web"))).toEqual(
    isDropped ? [true] : [],
  );
});

async function kustomized(files: Readonly<Record<string, string>>): Promise<{ built: string; findings: readonly Finding[] }> {
  const { kubectl } = await kubernetesPrograms();
  const folder = await makeTempFolder("kustomize");
  onTestFinished(() => folder.remove());
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder.path, path)), { recursive: true });
    await writeFile(join(folder.path, path), text);
  }
  const { stdout } = await run([kubectl, "kustomize", folder.path]);
  const found = await findFiles([folder.path]);
  return { built: stdout, findings: lintFiles(found.files, found.unread).findings };
}

function member(value: unknown, key: string): object {
  const found: unknown = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
  if (typeof found !== "object" || found === null) throw new Error(`no ${key}`);
  return found;
}
