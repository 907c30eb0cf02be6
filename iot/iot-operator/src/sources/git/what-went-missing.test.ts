// Whether a commit says that something shall go, from readings of two commits.

import { asDeploymentName } from "@iot/contracts";
import { describe, expect, test } from "vitest";
import type { SourceDeployment } from "../source.ts";
import type { CommitReading, FileReading } from "./read-commit.ts";
import type { TreeFile } from "./tree-file.ts";
import { absent, lossesOf, newlyUnread, refusals } from "./what-went-missing.ts";

const DEPLOYMENT = "apiVersion: iot.nationtech.io/v1alpha1\nkind: Deployment\nmetadata: { name: hello }\n";

function deployment(name: string): SourceDeployment {
  const uid = `git:test/default/${name}`;
  return { uid, namespace: "default", name: asDeploymentName(name), generation: 1, createdAt: "", targetDevices: [], scoreString: "{}" };
}

function gives(...names: readonly string[]): FileReading {
  return { deployments: names.map(deployment), devices: new Map(), problems: [], others: [], isEmpty: names.length === 0 };
}

function entry(path: string, more: Partial<TreeFile> = {}): TreeFile {
  return { path, kind: "file", oid: `of ${path}`, sizeBytes: 10, ...more };
}

function commit(files: Readonly<Record<string, FileReading>>, others: readonly TreeFile[] = []): CommitReading {
  return {
    commit: "c",
    generation: 1,
    files: new Map(Object.entries(files)),
    entries: [...Object.keys(files).map((path) => entry(path)), ...others],
    problems: [],
  };
}

function said(
  before: CommitReading,
  after: CommitReading,
  more: { contents?: Record<string, string>; ignored?: readonly string[]; consents?: readonly string[] } = {},
): string[] {
  const unread = newlyUnread(before, after);
  const contents = new Map(Object.entries(more.contents ?? {}).map(([path, text]) => [`of ${path}`, Buffer.from(text)]));
  const losses = lossesOf(before, after, new Set(more.consents));
  return refusals({ before, after, losses, around: { unread, contents, ignored: new Set(more.ignored) } }).map(
    ({ file, message }) => `${file}: ${message}`,
  );
}

const before = commit({ "hello.yaml": gives("hello"), "two.yaml": gives("one", "two") }, [entry("README.md")]);

describe("is a removal", () => {
  test.each<[string, CommitReading]>([
    ["a file that is gone", commit({ "two.yaml": gives("one", "two") })],
    ["all files that are gone", commit({})],
    ["a document of two", commit({ "hello.yaml": gives("hello"), "two.yaml": gives("two") })],
    ["both documents for a third", commit({ "hello.yaml": gives("hello"), "two.yaml": gives("three") })],
    ["a file that stood unread beside it before", commit({ "two.yaml": gives("one", "two") }, [entry("README.md")])],
  ])("%s", (_what, after) => {
    expect(said(before, after)).toEqual([]);
  });

  test("a copy under another suffix that stood there before is no reason", () => {
    const copied = commit({ "hello.yaml": gives("hello") }, [entry("hello.yaml.bak")]);
    expect(said(copied, commit({}, [entry("hello.yaml.bak")]))).toEqual([]);
  });
});

describe("is no loss", () => {
  test.each<[string, CommitReading]>([
    ["the same", before],
    ["a moved Deployment", commit({ "site/x.yaml": gives("hello"), "two.yaml": gives("one", "two") })],
    ["all in one file", commit({ "all.yaml": gives("hello", "one", "two"), "two.yaml": gives() })],
  ])("%s", (_what, after) => {
    expect(lossesOf(before, after, new Set())).toEqual([]);
  });
});

describe("is refused", () => {
  test.each<[string, CommitReading, string]>([
    ["an empty file", commit({ ...Object.fromEntries(before.files), "hello.yaml": gives() }), "hello.yaml: holds no document"],
    [
      "a file of two that is empty",
      commit({ ...Object.fromEntries(before.files), "two.yaml": gives() }),
      "two.yaml: holds no document, it is empty or has only comments; delete the file to remove one and two",
    ],
    [
      "a file in the place of its folder",
      commit({ "two.yaml": gives("one", "two") }, [entry("hello.yaml/inside.txt")]),
      "hello.yaml: is a folder now; delete it to remove hello",
    ],
    [
      "the same content anywhere",
      commit({ "two.yaml": gives("one", "two") }, [entry("attic/old.txt", { oid: "of hello.yaml" })]),
      "attic/old.txt: is hello.yaml under another name",
    ],
    [
      "the same content under a name that is too long to be read",
      commit({ "two.yaml": gives("one", "two") }, [entry("x".repeat(1_100), { oid: "of hello.yaml" })]),
      "is hello.yaml under another name",
    ],
    [
      "a folder in its place that holds only what is too far away to be read",
      commit({ "two.yaml": gives("one", "two") }, [entry(`hello.yaml/${"d/".repeat(2_000)}x`)]),
      "hello.yaml: is a folder now",
    ],
  ])("%s", (_what, after, says) => {
    expect(said(before, after).join("\n")).toContain(says);
  });

  test.each(["hello.YAML", "Hello.yml.age", ".hello.yaml", "_hello.json", "hello.yaml.orig", "hello", "hello.j2"])(
    "the name %s",
    (path) => {
      const after = commit({ "two.yaml": gives("one", "two") }, [entry(path)]);
      expect(said(before, after)).toEqual([expect.stringContaining(`${path}: is hello.yaml under another name`)]);
    },
  );

  test.each(["hello.md", "hello.png", "hello2.json", "other/hello.json", "hellos.YAML"])("but not the name %s", (path) => {
    expect(said(before, commit({ "two.yaml": gives("one", "two") }, [entry(path)]))).toEqual([]);
  });

  test.each([
    ["its text", DEPLOYMENT, 1],
    ["its text in JSON", '{"kind": "Deployment", "apiVersion": "iot.nationtech.io/v1alpha1", "metadata": {"name": "hello"}}', 1],
    ["another's text", DEPLOYMENT.replace("hello", "hello-2"), 0],
    ["words about it", `# How to\n\nWrite this:\n\n${DEPLOYMENT}`, 0],
  ])("%s under a name that nobody reads", (_what, text, count) => {
    const after = commit({ "two.yaml": gives("one", "two") }, [entry("more/all.tpl")]);
    expect(said(before, after, { contents: { "more/all.tpl": text } })).toHaveLength(count);
  });

  test.each([
    ["site", entry("site", { kind: "submodule" }), "site: is a submodule in the place of the folder of site/deep/x.yaml"],
    [
      "its own folder",
      entry("site/deep", { kind: "link" }),
      "site/deep: is a symbolic link in the place of the folder of site/deep/x.yaml",
    ],
    ["its own folder", entry("site/deep", { kind: "file" }), "site/deep: is a file in the place of the folder of site/deep/x.yaml"],
  ])("what stands in the place of %s", (_what, above, says) => {
    expect(said(commit({ "site/deep/x.yaml": gives("x") }), commit({}, [above]))).toEqual([expect.stringContaining(says)]);
  });

  test("ten thousand files for ten thousand others, in no time", () => {
    const many = Array.from({ length: 10_000 }, (_, index) => index);
    const large = commit(Object.fromEntries(many.map((index) => [`site/a-${index}.yaml`, gives(`a-${index}`)])));
    const after = commit(
      {},
      many.map((index) => entry(`site/b-${index}.json`)),
    );
    expect(said(large, after)).toEqual([]);
    expect(said(large, commit({}, [...after.entries, entry("site/a-77.YAML")]))).toHaveLength(1);
  });

  test("what .iotignore names now, and not what it named before", () => {
    const after = commit({ "two.yaml": gives("one", "two") }, [entry("hello.yaml"), entry("README.md")]);
    expect(said(before, { ...after, ignored: new Map([["hello.yaml", ".iotignore:3"]]) })).toEqual([
      "hello.yaml: is left out by .iotignore:3 now: take that line out, or delete the file to remove hello",
    ]);
    const chart = commit({ "hello.yaml": gives("hello"), "two.yaml": gives("one", "two") }, [entry("chart.yaml")]);
    expect(said(before, { ...chart, ignored: new Map([["chart.yaml", ".iotignore:3"]]) })).toEqual([]);
  });

  test("what a .gitignore hides now", () => {
    const after = commit({ "two.yaml": gives("one", "two") });
    expect(absent(lossesOf(before, after, new Set()), after)).toEqual([{ path: "hello.yaml", names: ["hello"] }]);
    expect(said(before, after, { ignored: ["hello.yaml"] })).toEqual([
      expect.stringContaining("hello.yaml: is hidden by a .gitignore now"),
    ]);
  });

  test("unless its names were consented to", () => {
    const after = commit({ ...Object.fromEntries(before.files), "two.yaml": gives() });
    expect(said(before, after, { consents: ["default/one"] })).toEqual([expect.stringContaining("to remove two,")]);
    expect(said(before, after, { consents: ["default/one", "default/two"] })).toEqual([]);
    expect(said(before, after, { consents: ["plant/one", "default/three"] })).toHaveLength(1);
  });
});
