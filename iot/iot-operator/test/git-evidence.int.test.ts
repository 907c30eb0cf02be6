// What the tip of a real branch proves about what was followed before it: which commit is refused
// and in which words, which is followed and removes nothing, and which says that something shall
// go.

import { rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { GitRepository } from "@iot/testkit";
import { expect, test } from "vitest";
import { type Files, open } from "./git-evidence-scene.ts";
import { workload } from "./workload.ts";

const LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 412\n";
const ENCRYPTED = "ENC[AES256_GCM,data:qk3y2u9d,iv:AAAA,tag:BBBB,type:str]";
const SOPS = `apiVersion: ${ENCRYPTED}
kind: ${ENCRYPTED}
spec:
  targetDevices: ["${ENCRYPTED}"]
sops:
  version: 3.9.0
`;
const hello = workload("hello");
const CONFLICT = `<<<<<<< HEAD\n${hello}=======\n${hello}>>>>>>> feature\n`;
const REST = "delete the file to remove hello";

test.each<[what: string, files: Files, says: string]>([
  [
    "a Git LFS pointer",
    { "hello.yaml": LFS },
    `hello.yaml:1: is a Git LFS pointer: commit the text itself (git lfs untrack it, then git add --renormalize); ${REST}`,
  ],
  ["SOPS text", { "hello.yaml": SOPS }, "hello.yaml:1: is encrypted with SOPS"],
  [
    "SOPS text as a whole",
    { "hello.yaml": `{"data": "${ENCRYPTED}", "sops": {"version": "3.9.0"}}` },
    "hello.yaml:1: is encrypted with SOPS",
  ],
  ["Ansible Vault", { "hello.yaml": "$ANSIBLE_VAULT;1.1;AES256\n3836\n" }, "is encrypted with Ansible Vault"],
  ["git-crypt", { "hello.yaml": Buffer.from("\0GITCRYPT\0\u00ff\u00fe", "latin1") }, "is encrypted with git-crypt"],
  ["an empty file", { "hello.yaml": "" }, `hello.yaml: holds no document, it is empty or has only comments; ${REST}`],
  ["comments only", { "hello.yaml": hello.replaceAll(/^/gm, "# ") }, "hello.yaml: holds no document"],
  ["documents without number", { "hello.yaml": `${hello}${"---\n".repeat(250_000)}` }, `has more than 1000 documents: split it; ${REST}`],
  ["anchors without number", { "hello.yaml": `${hello}a: ${"&a ".repeat(80_000)}` }, `has more than 10000 anchors (&name)`],
  [
    "a path that is too long",
    { "hello.yaml": null, [`${"a/".repeat(70)}hello.yaml`]: hello },
    "is hello.yaml under another name, and is not read under this one",
  ],
  [
    "a file of NULs, as a power cut leaves one",
    { "hello.yaml": Buffer.alloc(4_096) },
    "hello.yaml:1: the file is not UTF-8 text but binary",
  ],
  ["an age file", { "hello.yaml": "age-encryption.org/v1\n-> X25519 abc\n" }, "hello.yaml:1: is encrypted with age"],
  ["a git-annex pointer", { "hello.yaml": "/annex/objects/SHA256E-s10--abc.yaml\n" }, "but something without a kind"],
  ["null", { "hello.yaml": "null\n" }, "but something without a kind"],
  [
    "a list of no devices",
    { "hello.yaml": hello.replace(/targetDevices: .*/, "targetDevices: []") },
    "spec.targetDevices: expected at least 1",
  ],
  ["another template's suffix", { "hello.yaml": null, "hello.yaml.j2": "{{ x }}" }, "hello.yaml.j2: is hello.yaml under another name"],
  ["separators only", { "hello.yaml": "---\n---\n" }, "hello.yaml: holds no document"],
  [
    "another kind",
    { "hello.yaml": "apiVersion: v1\nkind: ConfigMap\n" },
    `hello.yaml: holds no Deployment of ours, but "ConfigMap"; ${REST}`,
  ],
  ["Kubernetes' own kind", { "hello.yaml": "apiVersion: apps/v1\nkind: Deployment\n" }, 'but "Deployment"'],
  [
    "a typo in the kind",
    { "hello.yaml": hello.replace("kind: Deployment", "kind: Deployement") },
    'hello.yaml:2: kind: expected "Deployment"',
  ],
  ["a typo in the group", { "hello.yaml": hello.replace("nationtech.io", "nationtech.oi") }, "hello.yaml:1: apiVersion: expected"],
  [
    "a typo in both",
    { "hello.yaml": hello.replace("iot.nationtech.io", "example.org").replace("kind: Deployment", "kind: Deplyoment") },
    "apiVersion: expected",
  ],
  [
    "Spec for spec",
    { "hello.yaml": hello.replace("iot.nationtech.io/v1alpha1", "example.org/v1").replace("spec:", "Spec:") },
    "apiVersion: expected",
  ],
  [
    "UTF-16",
    { "hello.yaml": Buffer.from(`\uFEFF${hello}`, "utf16le") },
    "hello.yaml:1: the file is not UTF-8 text but UTF-16: save it as UTF-8",
  ],
  ["UTF-16 without a mark", { "hello.yaml": Buffer.from(hello, "utf16le") }, "not UTF-8 text but UTF-16"],
  ["a merge conflict", { "hello.yaml": CONFLICT }, "hello.yaml:1: has a merge conflict that is not settled"],
  [
    "a truncated file",
    { "hello.yaml": hello.slice(0, hello.indexOf(":\n        - name")) },
    "hello.yaml:9: spec.score.data: expected a map",
  ],
  ["a file cut in its first line", { "hello.yaml": "apiVersion: iot.nat" }, "apiVersion: expected"],
  [
    "a template",
    { "hello.yaml": `{{- if .Values.enabled }}\n${hello}{{- end }}\n` },
    "hello.yaml:1: is a template, which is not rendered here",
  ],
  [
    "another case of the suffix",
    { "hello.yaml": null, "hello.YAML": hello },
    `hello.YAML: is hello.yaml under another name, and is not read under this one; rename it to hello.yaml, or delete it to remove hello`,
  ],
  [
    "another case of both, edited",
    { "hello.yaml": null, "Hello.Yaml": `# edited\n${hello}` },
    "Hello.Yaml: is hello.yaml under another name",
  ],
  ["JSON", { "hello.yaml": null, "hello.json": "{}" }, "hello.json: is hello.yaml under another name"],
  ["a suffix that hides it", { "hello.yaml": null, "hello.yaml.off": hello }, "hello.yaml.off: is hello.yaml under another name"],
  ["a hidden file", { "hello.yaml": null, ".hello.yaml": hello }, ".hello.yaml: is hello.yaml under another name"],
  ["a hidden folder", { "hello.yaml": null, ".attic/x.yaml": hello }, ".attic/x.yaml: is hello.yaml under another name"],
  [
    "a text elsewhere",
    { "hello.yaml": null, "more/all.json": `{"apiVersion": "iot.nationtech.io/v1alpha1", "metadata": {"name": "hello"}}` },
    "more/all.json: is hello.yaml under another name",
  ],
  ["an ignore file", { "hello.yaml": null, ".gitignore": "hello.*\n" }, "hello.yaml: is hidden by a .gitignore now"],
  [
    "a line of .iotignore",
    { ".iotignore": "# ours\n/hell*.yaml\n" },
    "hello.yaml: is left out by .iotignore:2 now: take that line out, or delete the file to remove hello",
  ],
  [
    "a move to where .iotignore leaves out",
    { "hello.yaml": null, "chart/hello.yaml": hello, ".iotignore": "chart/\n" },
    "chart/hello.yaml: is hello.yaml under another name",
  ],
  ["a second document that is cut", { "hello.yaml": `${workload("other")}---\napiVersion: iot.n` }, "hello.yaml:13: apiVersion: expected"],
])("%s in the place of a Deployment: the commit is refused, and what was followed stays", async (_what, files, says) => {
  const { push, read, restart } = await open();
  const good = await push({ "hello.yaml": hello, "stays.yaml": workload("stays"), "README.md": "words" });
  await read();
  await push(files);
  const refused = await read();
  expect(refused).toMatchObject({ names: ["hello", "stays"], version: good, evidence: { followed: good, tip: good, lineage: "descends" } });
  expect(refused.problem).toContain(says);
  await restart();
  expect(await read()).toEqual(refused);
  const mended = await push({ ...Object.fromEntries(Object.keys(files).map((path) => [path, null])), "hello.yaml": hello });
  expect(await read()).toMatchObject({ names: ["hello", "stays"], version: mended, problem: undefined });
});

test.each<[what: string, change: (repository: GitRepository) => Promise<void>, says: string]>([
  [
    "a link in the place of the file",
    async ({ workPath }) => {
      await rm(join(workPath, "site/hello.yaml"));
      await symlink("stays.yaml", join(workPath, "site/hello.yaml"));
    },
    "site/hello.yaml: is a symbolic link, which is not followed: put the file itself here; delete the file to remove hello",
  ],
  [
    "a link in the place of the folder",
    async ({ workPath }) => {
      await rm(join(workPath, "site"), { recursive: true });
      await symlink("elsewhere", join(workPath, "site"));
    },
    "site: is a symbolic link in the place of the folder of site/hello.yaml; delete it to remove hello",
  ],
  [
    "a submodule in the place of the folder",
    async (repository) => {
      await repository.git(["rm", "--quiet", "-r", "site"]);
      await repository.git(["init", "--quiet", "site"]);
      await repository.git(["-C", "site", "commit", "--quiet", "--allow-empty", "--message", "of its own"]);
    },
    "site: is a submodule in the place of the folder of site/hello.yaml; delete it to remove hello",
  ],
])("%s: the commit is refused", async (_what, change, says) => {
  const { repository, push, read } = await open();
  await push({ "site/hello.yaml": hello, "stays.yaml": workload("stays") });
  const before = await read();
  await change(repository);
  await push({});
  const refused = await read();
  expect(refused.problem).toContain(says);
  expect(refused).toMatchObject({ names: before.names, version: before.version });
  await repository.git(["rm", "--quiet", "-r", "--cached", "site"]);
  await rm(join(repository.workPath, "site"), { recursive: true });
  await push({});
  expect(await read()).toMatchObject({ names: ["stays"], problem: undefined, evidence: { lineage: "descends", unreadable: [] } });
});

test("a .gitignore above the folder that is read counts as well", async () => {
  const { push, read } = await open({ IOT_GIT_PATH: "site" });
  await push({ "site/deep/hello.yaml": hello, "site/stays.yaml": workload("stays"), ".gitignore": "*.log\n" });
  await read();
  await push({ "site/deep/hello.yaml": null, ".gitignore": "*.log\nsite/deep/\n" });
  expect((await read()).problem).toContain("site/deep/hello.yaml: is hidden by a .gitignore now");
  await push({ ".gitignore": "*.log\n" });
  expect(await read()).toMatchObject({ names: ["stays"], problem: undefined });
});

test.each([
  ["a name of more than 255 bytes", `${"\u00e9".repeat(130)}.yaml`],
  ["a path of more than 1,024 bytes", `${`${"\u00e9".repeat(100)}/`.repeat(6)}hello.yaml`],
])("%s, which no file system takes, is not read: it removes nothing when it comes, and hides nothing when it goes", async (_what, path) => {
  const { repository, push, read } = await open();
  await push({ "hello.yaml": hello, "stays.yaml": workload("stays") });
  await read();
  const index = ["update-index", "--add", "--cacheinfo", `100644,${await repository.git(["rev-parse", "HEAD:hello.yaml"])},${path}`];
  await repository.git(["rm", "--quiet", "hello.yaml"]);
  await repository.git(index);
  await repository.git(["commit", "--quiet", "--message", "renamed"]);
  await repository.push();
  const after = await read();
  expect(after).toMatchObject({ names: ["hello", "stays"] });
  expect(after.problem).toContain("is hello.yaml under another name, and is not read under this one");
});

test.each<[what: string, files: Files, names: readonly string[]]>([
  ["a file that is gone", { "hello.yaml": null }, ["both", "too"]],
  ["a document of two", { "both.yaml": workload("both") }, ["both", "hello"]],
  ["a file that is gone, with words about it", { "hello.yaml": null, "hello.md": "# hello is gone\n" }, ["both", "too"]],
  ["a file that is gone, and an ignore file for others", { "hello.yaml": null, ".gitignore": "*.log\n" }, ["both", "too"]],
  ["a name that changed", { "hello.yaml": workload("renamed") }, ["both", "renamed", "too"]],
])("%s is a removal", async (_what, files, names) => {
  const { push, read } = await open();
  const first = await push({ "hello.yaml": hello, "both.yaml": `${workload("both")}---\n${workload("too")}` });
  await read();
  const tip = await push(files);
  const after = await read();
  expect(after.names.toSorted()).toEqual(names);
  const gave = new Map(["default/both", "default/hello", "default/too"].map((object) => [object, new Set(["pi-1"])]));
  expect(after.evidence).toEqual({ kind: "git", followed: first, tip, lineage: "descends", gave, unreadable: [], consents: new Set() });
  expect(after.problem).toBeUndefined();
});

test.each<[what: string, files: Files]>([
  ["a file under another name", { "hello.yaml": null, "site/world.yaml": hello }],
  ["with the other suffix", { "hello.yaml": null, "hello.yml": hello }],
  ["beside another in its file", { "hello.yaml": null, "stays.yaml": `${workload("stays")}---\n${hello}` }],
  ["to a file of its own, and comments where it was", { "hello.yaml": "# moved\n", "world.yaml": hello }],
])("a Deployment that moved is still wanted: %s", async (_what, files) => {
  const { push, read } = await open();
  await push({ "hello.yaml": hello, "stays.yaml": workload("stays") });
  await read();
  const tip = await push(files);
  const after = await read();
  expect(after.names.toSorted()).toEqual(["hello", "stays"]);
  expect(after).toMatchObject({ version: tip, problem: undefined, evidence: { unreadable: [] } });
});

test.each<[what: string, path: string, text: string, says: string]>([
  ["a template", "chart/svc.yaml", "{{- if .Values.on }}\nkind: Service\n{{- end }}\n", "line 1: is a template"],
  [
    "a new file with a typo",
    "new.yaml",
    workload("new").replace("targetDevices", "targetDevice"),
    "line 4: spec.targetDevices: is missing",
  ],
  ["a pointer", "new.yaml", LFS, "line 1: is a Git LFS pointer"],
  [
    "a suffix that nobody reads",
    "new.YML",
    workload("new"),
    "is not read, its name does not end in .yaml or .yml in small letters: name it new.yml",
  ],
])("%s that gave nothing before: the commit is followed, and removes nothing until all is readable", async (_what, path, text, says) => {
  const { push, read, restart } = await open();
  await push({ "hello.yaml": hello, "stays.yaml": workload("stays") });
  await read();
  const tip = await push({ "hello.yaml": null, [path]: text, "stays.yaml": workload("stays", { image: "web:2" }) });
  const after = await read();
  expect(after).toMatchObject({ names: ["stays"], version: tip, problem: undefined, evidence: { tip, lineage: "descends" } });
  expect(after.evidence.unreadable.map((file) => `${file.path}: ${file.message}`)).toEqual([expect.stringContaining(`${path}: ${says}`)]);
  await restart();
  expect((await read()).evidence.unreadable).toEqual(after.evidence.unreadable);
  await push({ [path]: null });
  expect((await read()).evidence.unreadable).toEqual([]);
});

test("what .iotignore leaves out is not read, here as in a folder below: it stops nothing, and removals go on", async () => {
  const { push, read, restart } = await open({ IOT_GIT_PATH: "site" });
  const chart = "{{- if .Values.on }}\n{{- end }}\n";
  await push({ "site/hello.yaml": hello, "site/stays.yaml": workload("stays"), "site/.iotignore": "chart/\n", "site/chart/a.yaml": chart });
  await read();
  const tip = await push({
    "site/hello.yaml": null,
    "site/more/.iotignore": "*\n!kept.yaml\n",
    "site/more/b.yaml": chart,
    "site/more/kept.yaml": workload("kept"),
  });
  const after = await read();
  expect(after).toMatchObject({ names: ["kept", "stays"], version: tip, problem: undefined, evidence: { unreadable: [] } });
  await restart();
  expect((await read()).names.toSorted()).toEqual(["kept", "stays"]);
  await push({ "site/.iotignore": null });
  expect((await read()).evidence.unreadable.map(({ path }) => path)).toEqual(["site/chart/a.yaml"]);
});

test("an .iotignore that cannot be read leaves nothing out, and the commit removes nothing", async () => {
  const { push, read } = await open();
  await push({ "hello.yaml": hello, "stays.yaml": workload("stays") });
  await read();
  await push({ "hello.yaml": null, ".iotignore": "a\n".repeat(201) });
  const after = await read();
  expect(after).toMatchObject({ names: ["stays"], problem: undefined });
  expect(after.evidence.unreadable).toEqual([
    { path: ".iotignore", message: "has 201 patterns: at most 200, name folders in place of files, so nothing is left out by it" },
  ]);
});

test("amended, reset and forced: the lineage is rewritten, and after a restart the first", async () => {
  const { repository, push, read, restart } = await open();
  const first = await push({ "hello.yaml": hello });
  expect((await read()).evidence).toMatchObject({ followed: null, tip: first, lineage: "first" });
  expect((await read()).evidence).toMatchObject({ followed: first, lineage: "descends" });
  const second = await push({ "other.yaml": workload("other") });
  await read();

  await repository.git(["rm", "--quiet", "other.yaml"]);
  await repository.git(["commit", "--quiet", "--amend", "--allow-empty", "--message", "amended"]);
  await repository.push({ force: true });
  const amended = await read();
  expect(amended).toMatchObject({ names: ["hello"], evidence: { followed: second, lineage: "rewritten" } });

  await repository.resetTo(first);
  await repository.push({ force: true });
  await restart();
  expect(await read()).toMatchObject({ names: ["hello"], evidence: { followed: amended.version, tip: first, lineage: "first" } });
});

test("a rewritten tip in which a file gives nothing is refused too", async () => {
  const { repository, push, read } = await open();
  await push({ "stays.yaml": workload("stays") });
  const good = await push({ "hello.yaml": hello });
  await read();
  await repository.commit({ "hello.yaml": LFS });
  await repository.git(["reset", "--quiet", "--soft", "HEAD~2"]);
  await repository.git(["commit", "--quiet", "--message", "squashed"]);
  await repository.push({ force: true });
  const after = await read();
  expect(after).toMatchObject({ names: ["hello", "stays"], version: good });
  expect(after.problem).toContain("is a Git LFS pointer");
});

test("a trailer consents to exactly its names, in any commit since the followed one, and after a rewrite in the tip", async () => {
  const { repository, push, read } = await open();
  const first = await push({ "a.yaml": workload("a"), "b.yaml": workload("b"), "c.yaml": workload("c") });
  await read();
  await repository.commit({ "a.yaml": null }, "Away\n\nIot-Removes: default/a, plant/x\niot-removes: default/b");
  await push({ "b.yaml": LFS }, { message: "No trailer: Iot-Removes: default/c" });
  const after = await read();
  expect(after.evidence.consents).toEqual(new Set(["default/a", "plant/x", "default/b"]));
  // Its file still stands, and the consent says that it shall go.
  expect(after).toMatchObject({ names: ["c"], evidence: { unreadable: [{ path: "b.yaml" }] } });
  expect((await read()).evidence.consents).toEqual(new Set());

  await repository.resetTo(first);
  await repository.commit({}, "Not the tip\n\nIot-Removes: default/b");
  await push({ "c.yaml": null }, { message: "Tip\n\nIot-Removes: default/c, nonsense", force: true });
  expect((await read()).evidence).toMatchObject({ lineage: "rewritten", consents: new Set(["default/c"]) });
});
