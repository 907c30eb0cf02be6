// How much of a commit is read.

import { expect, onTestFinished, test } from "vitest";
import { CommitReader } from "./read-commit.ts";
import type { TreeFile } from "./tree-file.ts";

const MIB = 1024 * 1024;
const signal = new AbortController().signal;
const file = (path: string, sizeBytes: number): TreeFile => ({ path, kind: "file", oid: "a", sizeBytes });

/** What is said of the whole, when git lists these. */
async function problemsOf(files: readonly TreeFile[]): Promise<string[]> {
  const config = { url: "", branch: "main", path: "", pollMs: 1_000, namespace: "default" };
  const none = { username: undefined, password: undefined, sshKeyFile: undefined, sshKnownHostsFile: undefined };
  const repository = {
    fetch: async () => "",
    list: async () => [...files],
    readBlobs: async () => new Map([["a", Buffer.from("")]]),
    countCommits: async () => 1,
    committedAt: async () => "2026-01-01T00:00:00Z",
    relate: async () => ({ lineage: "first" as const, ahead: 1, trailers: [] }),
    newlyIgnored: async () => new Set<string>(),
    renew: () => undefined,
    remove: async () => undefined,
  };
  const reader = new CommitReader({ config: { ...config, ...none }, id: "git:test", repository });
  onTestFinished(() => reader.close());
  return (await reader.read("c", signal))?.problems.map(({ message }) => message) ?? ["there is no commit"];
}

const many = (count: number, sizeBytes: number, ending = "yaml"): TreeFile[] =>
  Array.from({ length: count }, (_, index) => file(`f${index}.${ending}`, sizeBytes));

test.each<[string, TreeFile[], RegExp | null]>([
  ["32 MiB of YAML", many(32, MIB), null],
  ["one byte more", [...many(32, MIB), file("more.yml", 1)], /^has 33554433 bytes of YAML, more than 33554432: set IOT_GIT_PATH/],
  ["32 MiB of YAML, and more of other things", [...many(32, MIB), ...many(99, MIB, "png")], null],
  ["many files that are each too large to be read: they are said one by one", many(32, 50 * MIB), null],
  ["10,000 files", many(10_000, 1), null],
  ["one more", many(10_001, 1), /^has 10001 YAML files, more than 10000: set IOT_GIT_PATH/],
])("%s", async (_what, files, says) => {
  const problems = await problemsOf(files);
  if (says === null) expect(problems).toEqual([]);
  else expect(problems).toEqual([expect.stringMatching(says)]);
});
