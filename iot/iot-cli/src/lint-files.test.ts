import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findFiles } from "./find-files.ts";
import { lintFiles, renderFindings } from "./lint-files.ts";

const GOOD = `apiVersion: iot.nationtech.io/v1alpha1
kind: Deployment
metadata:
  name: hello-world
spec:
  targetDevices: [pi-1]
  score:
    type: PodmanV0
    data:
      services:
        - name: hello
          image: docker.io/library/nginx:alpine
          ports: ["8080:80"]
`;

function lint(files: Readonly<Record<string, string>>): string {
  const list = Object.entries(files).map(([path, text]) => ({ path, content: Buffer.from(text) }));
  return renderFindings(lintFiles(list), list.length);
}

describe("lint", () => {
  test("has nothing to say of a good file", () => {
    expect(lint({ "deployment.yaml": GOOD })).toBe("1 file, 1 deployment: no issues\n");
  });

  test.each([
    [
      "a field of Compose",
      ["image:", "environment: {A: b}\n          image:"],
      "a.yaml:12:11: spec.score.data.services[0].environment: is not a field of PodmanV0: use env, a map",
    ],
    ["a port", ["8080:80", "8080"], 'a.yaml:13:19: spec.score.data.services[0].ports[0]: expected "[ip:]host:container[/udp]"'],
    [
      "a number in env",
      ["image:", "env: {A: 1}\n          image:"],
      'a.yaml:12:20: spec.score.data.services[0].env.A: expected text: quote it, "1"',
    ],
    [
      "a service without an image",
      ["image: docker", "pull: missing # docker"],
      "a.yaml:11:11: spec.score.data.services[0].image: is missing",
    ],
    [
      "one host port twice",
      ['["8080:80"]', '["8080:80", "8080:81"]'],
      "a.yaml:13:30: spec.score.data.services[0].ports[1]: host port 8080/tcp is used by services[0].ports[0] already",
    ],
    ["the device of another world", ["pi-1", "PI 1"], "a.yaml:6:19: spec.targetDevices[0]: expected a DNS label"],
    [
      "a scalar that kubectl reads otherwise",
      ["image:", "init: yes\n          image:"],
      "a.yaml:12:17: spec.score.data.services[0].init: kubectl would read yes as true",
    ],
  ] as const)("finds %s at its place", (_, [from, to], says) => {
    const output = lint({ "a.yaml": GOOD.replace(from, to) });
    expect(output).toContain(says);
    expect(output).toContain("1 issue");
  });

  test("warns of a Score type that it does not know", () => {
    const output = lint({ "a.yaml": GOOD.replace("PodmanV0", "OkdApplyV0") });
    expect(output).toBe(
      'a.yaml:8:11: warning: spec.score.type: this version of iot does not know the Score type "OkdApplyV0" (it knows PodmanV0); a device may\n' +
        "1 file, 1 deployment: no issues, 1 warning\n",
    );
  });

  test("tells Kubernetes' own Deployment apart", () => {
    expect(lint({ "a.yaml": "apiVersion: apps/v1\nkind: Deployment\n" })).toContain(
      "a.yaml:1:1: warning: this is Kubernetes' own Deployment (apps/v1)",
    );
  });
});

describe("a kustomization beside it", () => {
  const warnings = (kustomization: string, at = "kustomization.yaml"): string =>
    lint({ [at]: `resources: [deployment.yaml]\n${kustomization}\n`, "deployment.yaml": GOOD });
  test.each([
    ["replicas: [{name: hello-world, count: 3}]", "adds spec.replicas to hello-world"],
    ["labels: [{pairs: {a: b}, includeSelectors: true}]", "adds spec.template"],
    ["labels: [{pairs: {a: b}, includeTemplates: true}]", "adds spec.template"],
    ["commonLabels: {a: b}", "adds spec.template"],
    ["commonAnnotations: {a: b}", "adds spec.template"],
    ["images: [{name: nginx, newTag: '2'}]", "does not reach the images of a Score"],
  ])("%s is warned of", (text, says) => {
    expect(warnings(text)).toMatch(/^kustomization\.yaml:2:1: warning: /);
    expect(warnings(text)).toContain(says);
  });

  test.each(["labels: [{pairs: {a: b}}]", "replicas: [{name: other, count: 3}]", "namePrefix: a-", "[broken"])("%s is not", (text) => {
    expect(warnings(text)).toMatch(/: (no issues|1 issue)\n$/);
  });

  test("is of no concern in another folder", () => {
    expect(warnings("commonLabels: {a: b}", "other/kustomization.yaml")).toContain("no issues\n");
  });
});

describe("files of a folder", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "iot-lint-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("are those that the git source would read; links are told", async () => {
    await writeFile(join(folder, "a.yml"), GOOD);
    await writeFile(join(folder, "notes.txt"), "");
    await writeFile(join(folder, ".hidden.yaml"), "");
    await symlink("/etc/passwd", join(folder, "b.yaml"));
    const { files, links } = await findFiles([folder]);
    expect(files.map(({ path }) => path)).toEqual([join(folder, "a.yml")]);
    expect(renderFindings(lintFiles(files, links), 2)).toContain("b.yaml:1:1: is a symbolic link, which the operator does not follow");
  });

  test("that are not there are named", async () => {
    await expect(findFiles([join(folder, "none.yaml")])).rejects.toThrow("none.yaml: there is no such file or folder");
  });
});
