// The git source against real repositories: what it reads, what it refuses and in which words, and
// what it says once.

import { existsSync } from "node:fs";
import { rename, symlink } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { type GitRepository, makeGitRepository, makeTempFolder } from "@iot/testkit";
import { createLog, systemClock } from "@harmony/runtime";
import { asDeviceId } from "@iot/contracts";
import { YAML_READER_LIMITS } from "@iot/workload-files";
import { expect, onTestFinished, test } from "vitest";
import { readConfig } from "../src/config/config.ts";
import { createGitSource, type GitSource, type GitSourceOptions } from "../src/sources/git/git-source.ts";
import type { SourceSnapshot } from "../src/sources/source.ts";
import { workload } from "./workload.ts";

const never = new AbortController().signal;

interface Opened {
  readonly repository: GitRepository;
  readonly source: GitSource;
  readonly lines: string[];
  /** Reads as the operator does: with the version that was followed last. */
  read(): Promise<SourceSnapshot>;
  push(files: Readonly<Record<string, string | null>>, options?: { force: boolean }): Promise<string>;
}

type Around = Pick<GitSourceOptions, "clock" | "limits">;

async function open(env: Record<string, string> = {}, around: Around = {}): Promise<Opened> {
  const repository = await makeGitRepository();
  onTestFinished(() => repository.remove());
  const { source, lines } = await openSource({ IOT_GIT_URL: repository.url, ...env }, around);
  let followed: string | null = null;
  return {
    repository,
    source,
    lines,
    read: async () => {
      const snapshot = await source.read(never, followed);
      if (snapshot.kind === "complete") followed = snapshot.version;
      return snapshot;
    },
    push: async (files, options) => {
      const commit = await repository.commit(files);
      await repository.push(options);
      return commit;
    },
  };
}

async function openSource(env: Record<string, string>, around: Around = {}): Promise<{ source: GitSource; lines: string[] }> {
  const folder = await makeTempFolder("git-source");
  onTestFinished(() => folder.remove());
  const { git } = readConfig(env);
  if (git === null) throw new Error("no IOT_GIT_URL");
  const lines: string[] = [];
  const log = createLog({ name: "test", format: "text", level: "debug", write: (line) => void lines.push(line) });
  const source = await createGitSource({ config: git, id: "git:test", folder: join(folder.path, "copy"), log, ...around });
  onTestFinished(() => source.close());
  return { source, lines };
}

function names(snapshot: SourceSnapshot): string[] | string {
  return snapshot.kind === "complete" ? snapshot.deployments.map(({ namespace, name }) => `${namespace}/${name}`) : snapshot.message;
}

function problemOf(snapshot: SourceSnapshot): string {
  return snapshot.kind === "complete" ? (snapshot.problem ?? "") : snapshot.message;
}

test("reads every Deployment under its path, and nothing else", async () => {
  const { read, push } = await open({ IOT_GIT_PATH: "site", IOT_GIT_NAMESPACE: "plant" });
  const commit = await push({
    "site/a.yaml": workload("a"),
    "site/deep/b.yml": `${workload("b")}---\n${workload("c", { namespace: "other" })}`,
    "site/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n",
    "site/.github/workflows/ci.yaml": "on: push\n",
    "site/README.md": "apiVersion: nothing",
    "elsewhere/z.yaml": workload("z"),
  });
  const snapshot = await read();
  expect(snapshot).toMatchObject({ kind: "complete", version: commit, authoritative: true });
  expect(names(snapshot)).toEqual(["plant/a", "plant/b", "other/c"]);
  expect(snapshot.kind === "complete" && snapshot.deployments[0]).toMatchObject({
    uid: "git:test/plant/a",
    generation: 1,
    commit,
    targetDevices: ["pi-1"],
    scoreString: '{"type":"PodmanV0","data":{"services":[{"image":"docker.io/library/nginx:1","name":"web"}]}}',
  });
});

test("reads a hidden folder when the path leads into it", async () => {
  const { read, push } = await open({ IOT_GIT_PATH: ".iot" });
  await push({ ".iot/a.yaml": workload("a"), ".iot/.git-hooks/b.yaml": workload("b") });
  expect(names(await read())).toEqual(["default/a"]);
});

test("counts commits as generations", async () => {
  const { read, push } = await open();
  await push({ "a.yaml": workload("a") });
  await push({ "b.txt": "b" });
  expect(await read()).toMatchObject({ deployments: [{ generation: 2 }] });
});

test("keeps the last good commit when the newest does not parse, and says where, once", async () => {
  const { read, push, lines } = await open();
  const good = await push({ "a.yaml": workload("a"), "site/b.yaml": workload("b") });
  await read();
  const bad = await push({ "site/b.yaml": workload("b").replace("kind: Deployment", "kind: Deployment\nsurprise: 1") });
  const snapshot = await read();
  expect(names(snapshot)).toEqual(["default/a", "default/b"]);
  expect(snapshot).toMatchObject({ kind: "complete", version: good, authoritative: false });
  const problem = snapshot.kind === "complete" ? snapshot.problem : "";
  expect(problem).toBe(
    `commit ${bad.slice(0, 10)} is not followed, ${good.slice(0, 10)} stays in force: site/b.yaml:3: surprise: is not a known field; correct it and push`,
  );
  await read();
  expect(lines.filter((line) => line.includes("commit is not followed"))).toHaveLength(1);
  await push({ "site/b.yaml": workload("b") });
  expect(names(await read())).toEqual(["default/a", "default/b"]);
});

test("with no good commit known it is unreadable, not empty", async () => {
  const { read, push } = await open();
  await push({ "a.yaml": "apiVersion: iot.nationtech.io/v1alpha1\nkind: Deployment\nspec: [\n" });
  const snapshot = await read();
  expect(snapshot).toMatchObject({ kind: "unreadable", reason: "InvalidCommit" });
  expect(names(snapshot)).toMatch(/is not followed, what runs stays as it is: a\.yaml:\d+: /);
});

test("a file that took too much time keeps its commit from being followed, and is tried again after ten minutes", async () => {
  let laterMs = 0;
  const limits = { ...YAML_READER_LIMITS, fileMs: 60_000 };
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + laterMs };
  const { read, push } = await open({}, { clock, limits });
  await push({ "a.yaml": workload("hello"), "b.yaml": workload("other") });
  await read();
  limits.fileMs = 300;
  await push({ "a.yaml": "]\n".repeat(100_000), "b.yaml": null });
  const slow = await read();
  expect([names(slow), problemOf(slow)]).toEqual([["default/hello", "default/other"], expect.stringContaining("a.yaml:1: is not read")]);
  limits.fileMs = 60_000;
  expect(await read()).toBe(slow);
  laterMs = 600_000;
  const again = await read();
  expect(names(again)).toEqual(["default/hello", "default/other"]);
  expect(problemOf(again)).toMatch(/is not followed.*a\.yaml:1:/);
  expect(problemOf(again)).not.toContain("is not read");
});

test("refuses two files of one name, an alias bomb, and a scalar that kubectl reads otherwise", async () => {
  const { read, push } = await open();
  await push({ "a.yaml": workload("a"), "b.yaml": workload("a") });
  expect(names(await read())).toMatch(/b\.yaml:3: metadata\.name: "a" is also the name of the Deployment at a\.yaml:3/);
  await push({ "b.yaml": workload("b") });
  expect(names(await read())).toEqual(["default/a", "default/b"]);
  const levels = Array.from(
    { length: 12 },
    (_, level) => `      l${level}: &l${level} [${Array.from({ length: 9 }, () => (level === 0 ? "x" : `*l${level - 1}`)).join(", ")}]`,
  );
  await push({ "b.yaml": `${workload("b").trimEnd()}\n${levels.join("\n")}\n` });
  expect(problemOf(await read())).toMatch(/b\.yaml:\d+: .*alias/);
  await push({ "b.yaml": workload("b").replace("name: web", "name: web\n          pull: yes") });
  expect(problemOf(await read())).toMatch(/b\.yaml:11: .*quote it/);
});

test("refuses a link, wherever it leads", async () => {
  const { read, push, repository } = await open();
  await push({ "a.yaml": workload("a") });
  await symlink("/etc/hostname", join(repository.workPath, "out.yaml"));
  await push({});
  const message = "is a symbolic link, which is not followed: put the file itself here";
  expect(await read()).toMatchObject({ evidence: { unreadable: [{ path: "out.yaml", message }] } });
  await rename(join(repository.workPath, "out.yaml"), join(repository.workPath, "a.yaml"));
  await push({});
  expect(problemOf(await read())).toContain(`: a.yaml: ${message}; delete the file to remove a`);
});

test("follows a branch that was forced, and says so", async () => {
  const { read, push, repository, lines } = await open();
  const first = await push({ "a.yaml": workload("a") });
  await push({ "b.yaml": workload("b") });
  expect(names(await read())).toEqual(["default/a", "default/b"]);
  await repository.resetTo(first);
  await repository.push({ force: true });
  expect(await read()).toMatchObject({ version: first, authoritative: true });
  expect(lines.filter((line) => line.includes("the branch was forced"))).toHaveLength(1);
});

test.each([
  [
    "a branch that is not there",
    { IOT_GIT_BRANCH: "release" },
    "MissingBranch",
    /failed to read branch release of file:.*; push it, or set IOT_GIT_BRANCH/,
  ],
  ["a folder that is not there", { IOT_GIT_PATH: "site" }, "MissingFolder", /has no folder site at commit/],
  ["a path that is a file", { IOT_GIT_PATH: "a.yaml" }, "MissingFolder", /has no folder a.yaml/],
  ["a repository that is not there", { IOT_GIT_URL: "/nonexistent.git" }, "MissingRepository", /nonexistent/],
  ["a server that is not there", { IOT_GIT_URL: "http://127.0.0.1:1/w.git" }, "Unreachable", /failed to read branch main of http/],
])("%s is unreadable, and reported", async (_, env, reason, message) => {
  const { read, push } = await open(env);
  await push({ "a.yaml": workload("a") });
  const snapshot = await read();
  expect(snapshot).toMatchObject({ kind: "unreadable", reason });
  expect(names(snapshot)).toMatch(message);
});

test("a remote that goes away and comes back", async () => {
  const { read, push, repository } = await open();
  await push({ "a.yaml": workload("a") });
  await read();
  await rename(repository.barePath, `${repository.barePath}.away`);
  expect(await read()).toMatchObject({ kind: "unreadable", reason: "MissingRepository" });
  await rename(`${repository.barePath}.away`, repository.barePath);
  expect(names(await read())).toEqual(["default/a"]);
});

test("a branch of no files is complete and empty", async () => {
  const { read, push } = await open();
  await push({ "a.yaml": workload("a") });
  await push({ "a.yaml": null });
  expect(names(await read())).toEqual([]);
});

test("no hook of the repository, and no configuration of the user, takes part", async () => {
  const { read, push, repository } = await open();
  await push({ "a.yaml": workload("a") });
  const folder = await makeTempFolder("git-home");
  onTestFinished(() => folder.remove());
  await repository.setHook("pre-upload", `#!/bin/sh\ntouch ${folder.path}/ran\n`);
  await repository.git(["--git-dir", repository.barePath, "config", "uploadpack.packObjectsHook", `touch ${folder.path}/ran;`]);
  expect(names(await read())).toEqual(["default/a"]);
  expect(existsSync(join(folder.path, "ran"))).toBe(false);
});

test("a password reaches the server that asks for it, and neither arguments nor log", async () => {
  const heard: string[] = [];
  const server = createServer((request, response) => {
    const { authorization } = request.headers;
    if (authorization !== undefined) heard.push(Buffer.from(authorization.replace("Basic ", ""), "base64").toString());
    response.writeHead(authorization === undefined ? 401 : 403, { "www-authenticate": 'Basic realm="git"' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const { source, lines } = await openSource({
    IOT_GIT_URL: `http://127.0.0.1:${port}/w.git`,
    IOT_GIT_USERNAME: "me",
    IOT_GIT_PASSWORD: "geheim",
  });
  const snapshot = await source.read(never, null);
  expect(snapshot).toMatchObject({ kind: "unreadable", reason: "WrongCredentials" });
  expect(heard).toContain("me:geheim");
  expect([names(snapshot), ...lines].join("\n")).not.toContain("geheim");
});

test("an aborted reading ends git, and the next one starts with a new copy", async () => {
  const { source, push, read, repository, lines } = await open();
  const first = await push({ "a.yaml": workload("a") });
  await push({ "b.yaml": workload("b") });
  await read();
  const abort = new AbortController();
  const reading = source.read(abort.signal, null);
  abort.abort(new Error("asked to end"));
  await expect(reading).rejects.toThrow("asked to end");
  expect(names(await read())).toEqual(["default/a", "default/b"]);

  const later = new AbortController();
  const second = source.read(later.signal, null);
  later.abort(new Error("asked to end"));
  await expect(second).rejects.toThrow("asked to end");
  await repository.resetTo(first);
  await repository.push({ force: true });
  expect(names(await read())).toEqual(["default/a"]);
  expect(lines.some((line) => line.includes("the branch was forced"))).toBe(true);
});

test("what a repository says of devices is read, stays one object until it says something else, and is not lost by a typo", async () => {
  const { read, push } = await open();
  const device = (spec: string): string =>
    `apiVersion: iot.nationtech.io/v1alpha1\nkind: Device\nmetadata: { name: pi-1 }\nspec: ${spec}\n`;
  const complete = async () => {
    const snapshot = await read();
    if (snapshot.kind !== "complete") throw new Error(snapshot.message);
    return snapshot;
  };
  await push({ "a.yaml": workload("a"), "devices/pi-1.yaml": device("{ allowedNamespaces: [plant] }") });
  const first = await complete();
  expect([...(first.allowed ?? [])]).toEqual([["pi-1", new Set(["plant"])]]);
  expect(first.devices?.get(asDeviceId("pi-1"))).toEqual({ labels: {}, allowedNamespaces: ["plant"] });

  await push({ "b.yaml": workload("b") });
  expect((await complete()).allowed).toBe(first.allowed);

  await push({ "devices/pi-1.yaml": device("{ allowedNamespace: [office] }"), "c.yaml": workload("c") });
  const refused = await complete();
  expect(refused.problem).toMatch(/is not followed.*devices\/pi-1\.yaml:4/);
  expect(refused.allowed).toBe(first.allowed);

  await push({ "devices/pi-1.yaml": null });
  const gone = await complete();
  expect([...(gone.allowed ?? [])]).toEqual([]);
  expect([gone.problem, names(gone)]).toEqual([undefined, ["default/a", "default/b", "default/c"]]);
});
