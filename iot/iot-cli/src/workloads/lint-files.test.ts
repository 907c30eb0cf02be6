import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findFiles } from "./find-files.ts";
import { readClosely } from "@iot/workload-files";
import { lint as lintAll, lintFiles, renderFindings } from "./lint-files.ts";

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

  test("does not take Kubernetes' own Deployment for ours", () => {
    expect(lint({ "a.yaml": "apiVersion: apps/v1\nkind: Deployment\n" })).toContain(
      "a.yaml:1:1: warning: this is Kubernetes' own Deployment (apps/v1)",
    );
  });
});

test("all that is wrong with a document is reported at once", () => {
  const text = GOOD.replace("PodmanV0", "podmanV0")
    .replace("pi-1", "PI_1")
    .replace("  name: hello-world", "  name: on")
    .replace(
      'ports: ["8080:80"]',
      'port: ["8080:80"]\n          env: ["A=B"]\n          init: yes\n          image: registry.example/App:1',
    );
  const output = lint({ "a.yaml": text });
  for (const says of [
    "a.yaml:4:9: metadata.name: kubectl would read on as true",
    'a.yaml:6:19: spec.targetDevices[0]: expected a DNS label (at most 63 of a-z, 0-9 and -, first and last a letter or digit), found "PI_1"',
    'a.yaml:8:11: spec.score.type: no device knows the Score type "podmanV0": do you mean PodmanV0?',
    "a.yaml:13:11: spec.score.data.services[0].port: is not a known field: do you mean ports?",
    'a.yaml:14:11: spec.score.data.services[0].env: expected a map, and no list: write {A: "B"}, found ["A=B"]',
    'a.yaml:15:17: spec.score.data.services[0].init: kubectl would read yes as true: quote it ("yes") if it is text, else write true',
    "a.yaml:16:11: spec.score.data.services[0].image: stands twice, first on line 12: keep one",
  ])
    expect(output).toContain(says);
  expect(output).toContain("\n1 file, no deployments: 7 issues\n");
});

describe("one port of a device in two Deployments", () => {
  const other = (change: (text: string) => string = (text) => text): Record<string, string> => ({
    "a.yaml": GOOD,
    "b.yaml": change(GOOD.replace("hello-world", "other").replace("[pi-1]", "[pi-0, pi-1]")),
  });
  const says =
    "spec.score.data.services[0].ports[0]: host port 8080/tcp of pi-1 is hello-world's too (a.yaml:13): give one of them another";
  test.each<[string, (text: string) => string, boolean]>([
    ["is an error", (text) => text, true],
    ["is one at any address", (text) => text.replace("8080:80", "127.0.0.1:8080:81"), true],
    ["is none on another device", (text) => text.replace("pi-1", "pi-2"), false],
    ["is none of udp", (text) => text.replace("8080:80", "8080:80/udp"), false],
    ["is none beside another issue in it", (text) => text.replace("image:", "imag:"), false],
  ])("%s", (_what, change, isSaid) => {
    expect(lint(other(change)).includes(says)).toBe(isSaid);
  });
  test("is reported of one document in the same file, and of how many devices", () => {
    const wide = GOOD.replace("[pi-1]", "[pi-1, pi-2, pi-3]");
    expect(lint({ "a.yaml": `${wide}---\n${wide.replace("hello-world", "other")}` })).toContain(
      "a.yaml:27:19: spec.score.data.services[0].ports[0]: host port 8080/tcp of pi-1 and 2 more is hello-world's too (a.yaml:13)",
    );
  });
});

describe("a program that does not hear SIGTERM as process 1", () => {
  const service = (field: string): string => lint({ "a.yaml": GOOD.replace('ports: ["8080:80"]', field.replaceAll("\n", "\n          ")) });
  test.each([
    ['command: ["sh", "-c", "while true; do sleep 1; done"]', "a shell (sh)"],
    ["command: \"/bin/bash -ec 'run; wait'\"", "a shell (bash)"],
    ['entrypoint: ["/bin/sh", "-c"]\ncommand: ["app --port 1"]', "a shell (sh)"],
    ['command: ["/bin/busybox", "sh", "/run.sh"]', "a shell (sh)"],
    ['command: ["env", "A=b", "sh", "/run.sh"]', "a shell (sh)"],
    ["command: sleep infinity", "sleep"],
    ["command: tail -f /dev/null", "tail"],
  ])("%s is warned of", (field, what) => {
    const output = service(field);
    const part = field.slice(0, field.indexOf(":"));
    const says = `${what} as process 1 does not hear SIGTERM, so each change waits 300 s for it: write init: true, or a shorter stopTimeoutSeconds`;
    expect(output).toContain(`warning: spec.score.data.services[0].${part}: ${says}\n`);
    expect(output).toContain("no issues, 1 warning");
  });
  test.each([
    'command: ["sh", "-c", "setup && exec app"]',
    'command: ["sh", "-c", "trap \'exit 0\' TERM; while true; do sleep 1 & wait; done"]',
    'command: ["sh", "-c", "app"]\ninit: true',
    'command: ["sh", "-c", "app"]\nstopTimeoutSeconds: 300',
    'command: ["sh", "-c", "app"]\nstopSignal: SIGKILL',
    'command: ["shell-app"]',
    'command: ["app", "sh"]',
    "pull: missing",
  ])("%s is not", (field) => {
    expect(service(field)).toContain("no issues\n");
  });
});

describe("a device beside those that have reported", () => {
  const warnings = (device: string, reported: readonly string[] | null): string[] => {
    const files = [{ path: "a.yaml", content: Buffer.from(GOOD.replace("pi-1", device)) }];
    const read = new Map(files.map((file) => [file.path, readClosely(file)]));
    return lintAll({ files, read, unread: [], folders: [], reported }).findings.map(
      ({ severity, path, message }) => `${severity} ${path}: ${message}`,
    );
  };
  test.each([
    ["pi-dem-01", ["pi-demo-01", "pi-2"], "pi-demo-01"],
    ["pi-demo-01", ["pi-dem-01"], "pi-dem-01"],
    ["gate-way", ["gateway"], "gateway"],
  ])("%s is taken for one that is near", (device, reported, near) => {
    expect(warnings(device, reported)).toEqual([
      `warning spec.targetDevices[0]: has never reported, and ${near} has: do you mean that one?`,
    ]);
  });
  test.each([
    ["pi-1", ["pi-1", "pi-2"]],
    ["pi-1", ["gateway"]],
    ["pi-1", []],
    ["pi-1", null],
  ])("%s is not, beside %j", (device, reported) => {
    expect(warnings(device, reported)).toEqual([]);
  });
});

describe("what would remove workloads", () => {
  const services = GOOD.slice(GOOD.indexOf(":\n        - name"));
  test.each([
    [
      "a Git LFS pointer",
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4\n",
      "a.yaml:1:1: is a Git LFS pointer: commit",
    ],
    ["an empty file", "", "a.yaml:1:1: holds no document, it is empty or has only comments: delete the file, or write the Deployment"],
    ["comments only", GOOD.replaceAll(/^/gm, "# "), "a.yaml:1:1: holds no document"],
    ["a conflict", `<<<<<<< HEAD\n${GOOD}=======\n${GOOD}>>>>>>> b\n`, "a.yaml:1:1: has a merge conflict that is not settled"],
    ["a truncated file", GOOD.replace(services, ""), 'a.yaml:10:7: spec.score.data: expected a map, found "services"'],
    ["a template", `{{- if .Values.on }}\n${GOOD}{{- end }}\n`, "a.yaml:1:1: is a template, which is not rendered here"],
    ["a typo in the group", GOOD.replace("nationtech.io", "nationtech.com"), "a.yaml:1:13: apiVersion: expected"],
    ["a typo in the kind", GOOD.replace("Deployment", "Deployement"), "a.yaml:2:7: kind: expected"],
    ["a typo in spec", GOOD.replace("spec:", "Spec:"), "a.yaml:5:1: Spec: is not a known field"],
    ["a number above 2^53", GOOD.replace("image:", "big: 9007199254740993\n          image:"), "put it in quotes"],
  ])("%s is an error", (_what, text, says) => {
    const output = lint({ "a.yaml": text });
    expect(output).toContain(says);
    expect(output).not.toContain("no issues");
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
    ["images: [{name: nginx, newTag: '2'}]", "or add configurations: [.iot/kustomize.yaml]"],
  ])("%s is warned of", (text, says) => {
    expect(warnings(text)).toMatch(/^kustomization\.yaml:2:1: warning: /);
    expect(warnings(text)).toContain(says);
  });

  test.each(["labels: [{pairs: {a: b}}]", "replicas: [{name: other, count: 3}]", "namePrefix: a-", "[broken"])("%s is not", (text) => {
    expect(warnings(text)).toMatch(/: (no issues|1 issue)\n$/);
  });

  test.each([
    ["a file that is not read", "configurations: [.iot/kustomize.yaml]\n", {}],
    ["a file that says so", "configurations: [c.yaml]\n", { "c.yaml": "images: [{path: spec/score/data/services/image}]\n" }],
  ])("images reach a Score by %s", (_what, configurations, files) => {
    const text = `${configurations}images: [{name: nginx, newTag: '2'}]\n`;
    expect(lint({ "kustomization.yaml": text, "deployment.yaml": GOOD, ...files })).toContain("no issues\n");
  });

  const PATCH = `apiVersion: iot.nationtech.io/v1alpha1
kind: Deployment
metadata: {name: hello-world}
spec: {score: {data: {services: [{name: hello, env: {A: b}}]}}}
`;
  test.each([
    ["patches: [{path: p.yaml}]", "p.yaml:4:34: "],
    ["patchesStrategicMerge: [p.yaml]", "p.yaml:4:34: "],
    [`patches: [{patch: ${JSON.stringify(PATCH)}}]`, "kustomization.yaml:2:19: "],
    [`patches: [{target: {kind: Deployment}, patch: ${JSON.stringify(PATCH)}}]`, "kustomization.yaml:2:47: "],
  ])("%j drops an image", (text, place) => {
    const named = text.includes("p.yaml") ? { "p.yaml": PATCH } : {};
    const output = lint({ "kustomization.yaml": `resources: [deployment.yaml]\n${text}\n`, "deployment.yaml": GOOD, ...named });
    expect(output).toContain(
      `${place}spec.score.data.services: Kustomize replaces the whole list by this patch's, and so drops the image of hello`,
    );
    expect(output).toContain(": 1 issue");
    expect(output).not.toContain("is missing");
  });

  test.each([
    ["a patch of the devices", "spec: {targetDevices: [pi-9]}\n"],
    ["a patch with the image", "spec: {score: {data: {services: [{name: hello, image: x}]}}}\n"],
    ["a JSON patch", undefined],
  ])("%s drops none", (_what, spec) => {
    const text = spec === undefined ? "- {op: add, path: /spec/targetDevices/-, value: pi-2}\n" : PATCH.replace(/spec: .*\n/, spec);
    const output = lint({ "kustomization.yaml": "patches: [{path: p.yaml}]\n", "deployment.yaml": GOOD, "p.yaml": text });
    expect(output).toContain("no issues");
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

  test("without a workload are an error, unless they say why", async () => {
    await mkdir(join(folder, "empty"));
    await mkdir(join(folder, "foreign"));
    await writeFile(join(folder, "foreign/values.yaml"), "a: b\n");
    await mkdir(join(folder, "good"));
    await writeFile(join(folder, "good/a.yaml"), GOOD);
    const printed = async (...names: string[]): Promise<string> => {
      const found = await findFiles(names.map((name) => join(folder, name)));
      const read = new Map(found.files.map((file) => [file.path, readClosely(file)]));
      return renderFindings(lintAll({ ...found, read, reported: null }), found.files.length).replaceAll(`${folder}/`, "");
    };
    const says = "has no Deployment in it: name the folder that has them, or make one here (iot init)";
    expect(await printed("empty")).toBe(`empty:1:1: ${says}\nno files, no deployments: 1 issue\n`);
    expect(await printed("foreign/")).toBe(`foreign:1:1: ${says}\n1 file, no deployments: 1 issue\n`);
    expect(await printed("foreign/values.yaml")).toBe("1 file, no deployments: no issues\n");
    expect(await printed("good")).toBe("1 file, 1 deployment: no issues\n");
    await writeFile(join(folder, "empty/a.yaml"), "");
    expect(await printed("empty")).toMatch(/^empty\/a\.yaml:1:1: holds no document, .*\n1 file, no deployments: 1 issue\n$/);
  });

  test("are those that the git source would read; links are reported", async () => {
    await writeFile(join(folder, "a.yml"), GOOD);
    await writeFile(join(folder, "notes.txt"), "");
    await writeFile(join(folder, ".hidden.yaml"), "");
    await symlink("/etc/passwd", join(folder, "b.yaml"));
    const { files, unread } = await findFiles([folder]);
    expect(files.map(({ path }) => path)).toEqual([join(folder, "a.yml")]);
    expect(renderFindings(lintFiles(files, unread), 2)).toContain("b.yaml:1:1: is a symbolic link, which the operator does not follow");
  });

  test("that nobody reads, or git does not carry, are reported", async () => {
    const git = (...args: string[]): void =>
      void spawnSync("git", ["-C", folder, ...args], { env: { PATH: process.env["PATH"], HOME: folder } });
    const put = async (path: string, text = GOOD): Promise<void> => {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    };
    git("init", "--quiet");
    git("init", "--quiet", "module");
    await put("module/a.yaml");
    await put("Hello.YAML", "");
    await put("deployment.json", '{"kind": "Deployment", "apiVersion": "iot.nationtech.io/v1alpha1"}');
    await put("hello.yaml.off");
    await put("hello.tpl", `# a note\n\n${GOOD}`);
    await put("README.md", `# Words\n\nWrite this:\n\n${GOOD}`);
    await put("package.json", '{"name": "x"}');
    await put("local/b.yaml");
    await put("big/c.yaml");
    await put(".gitignore", "local/\n");
    await put(".gitattributes", "big/* filter=lfs diff=lfs merge=lfs -text\n");
    await symlink("local", join(folder, "linked"));
    const { files, unread } = await findFiles([folder]);
    const says = renderFindings(lintFiles(files, unread), 0).replaceAll(`${folder}/`, "").split("\n");
    const printed = says.filter((line) => line.includes(": is ")).map((line) => line.replace(/:1:1: /, " "));
    expect(printed).toEqual([
      "big/c.yaml is stored through the filter lfs, so the operator gets no text of it: take it out of .gitattributes and commit the file again",
      expect.stringMatching(/^deployment\.json is not read by the operator, .* name it deployment\.yaml$/),
      expect.stringMatching(/^hello\.tpl is not read by the operator, .* name it hello\.yaml$/),
      expect.stringMatching(/^Hello\.YAML is not read by the operator, .* name it Hello\.yaml$/),
      expect.stringMatching(/^hello\.yaml\.off is not read by the operator, .* name it hello\.yaml$/),
      "linked is a symbolic link to a folder, which the operator does not follow: put the files themselves here",
      "local/b.yaml is ignored by git (.gitignore:1: local/), so a push does not carry it: take that line out",
      "module is a submodule or a repository of its own, whose files the operator does not read: put the files themselves here",
    ]);
  });

  test("that .iotignore leaves out are not, as the operator leaves them out", async () => {
    const put = async (path: string, text: string): Promise<void> => {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    };
    await put(".iotignore", "chart/\n*.tmpl.yaml\n");
    await put("a.yaml", GOOD);
    await put("b.tmpl.yaml", "{{ nothing }}");
    await put("chart/values.yaml", "{{ nothing }}");
    await put("chart/Odd.YAML", GOOD);
    await put("site/.iotignore", "a\n".repeat(201));
    await put("site/c.yaml", GOOD.replace("hello-world", "c").replace("8080", "8081"));
    spawnSync("git", ["init", "--quiet", folder]);
    const printed = async (path: string): Promise<string> => {
      const found = await findFiles([join(folder, path)]);
      return renderFindings(lintFiles(found.files, found.unread), found.files.length).replaceAll(`${folder}/`, "");
    };
    const says = "has 201 patterns: at most 200, name folders in place of files, so nothing is left out by it";
    expect(await printed(".")).toBe(`site/.iotignore:1:1: ${says}\n2 files, 2 deployments: 1 issue\n`);
    expect(await printed("chart/values.yaml")).toContain(
      "chart/values.yaml:1:1: is left out by .iotignore:1, so the operator does not read it: take that line out\n",
    );
    expect(await printed("site")).toContain("1 file, 1 deployment: 1 issue\n");
  });

  test("that are named are looked at, and reported when nobody reads them", async () => {
    await writeFile(join(folder, "deployment.json"), GOOD.replace("pi-1", "PI"));
    const { files, unread } = await findFiles([join(folder, "deployment.json")]);
    const output = renderFindings(lintFiles(files, unread), 1);
    expect(output).toContain("deployment.json:1:1: is not read by the operator");
    expect(output).toContain("deployment.json:6:19: spec.targetDevices[0]: expected a DNS label");
  });

  test("that are not there are named", async () => {
    await expect(findFiles([join(folder, "none.yaml")])).rejects.toThrow("none.yaml: there is no such file or folder");
  });
});
