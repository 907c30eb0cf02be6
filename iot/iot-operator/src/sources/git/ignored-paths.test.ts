// How git is asked for the .gitignore files above a great many paths. What they hide is tried on
// real repositories (test/git-evidence.int.test.ts).

import { expect, test } from "vitest";
import { newlyIgnored } from "./ignored-paths.ts";

/** An argument list of Linux takes 128 KiB in one argument, and some 2 MiB in all. */
const MOST_BYTES = 128 * 1024;

async function asked(count: number, folders: number): Promise<{ calls: readonly (readonly string[])[] }> {
  const calls: (readonly string[])[] = [];
  const git = async (args: readonly string[]): Promise<Buffer> => {
    calls.push(args);
    return Buffer.alloc(0);
  };
  const folderOf = (index: number): string => Array.from({ length: folders }, (_, depth) => `folder-${index}-at-${depth}`).join("/");
  const paths = Array.from({ length: count }, (_, index) => `${folderOf(index)}/w.yaml`);
  await newlyIgnored(git, { paths, commit: "b", than: "a", folder: "/none" }, new AbortController().signal);
  return { calls };
}

test("however many they are, each call has few bytes of arguments, and all folders are asked for", async () => {
  const { calls } = await asked(400, 45);
  expect(calls.length).toBeGreaterThan(10);
  for (const args of calls) expect(args.reduce((sum, arg) => sum + Buffer.byteLength(arg) + 1, 0)).toBeLessThan(MOST_BYTES);
  expect(calls.flat().filter((arg) => arg.endsWith("/.gitignore"))).toHaveLength(400 * 45);
});

test("more folders than can be looked into in time are refused, and nothing is taken for a removal", async () => {
  await expect(asked(400, 60)).rejects.toThrow("more than 20000 folders are above files that are gone");
});
