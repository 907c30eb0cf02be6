// Which paths the .gitignore files of a commit hide, as git itself judges it: in a folder that has
// nothing but those files, and an empty file at each path. It is asked only when a file is gone
// from a commit, so that one which somebody has hidden is distinguished from one that somebody has
// removed.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseTree } from "./tree-file.ts";

const PATHS_LIMIT = 500;

export interface AskGit {
  (args: readonly string[], signal: AbortSignal, input?: string): Promise<Buffer>;
}

/** Those that `commit` hides and `than` did not. `folder` is for what is made meanwhile. */
export async function newlyIgnored(
  git: AskGit,
  { paths, commit, than, folder }: { paths: readonly string[]; commit: string; than: string; folder: string },
  signal: AbortSignal,
): Promise<Set<string>> {
  const asked = paths.filter(isPlain).slice(0, PATHS_LIMIT);
  const now = asked.length === 0 ? new Map<string, string>() : await ignoreFiles(git, commit, asked, signal);
  if (now.size === 0) return new Set();
  const before = await ignoreFiles(git, than, asked, signal);
  const same = now.size === before.size && [...now].every(([path, oid]) => before.get(path) === oid);
  if (same) return new Set();
  const hidden = async (files: ReadonlyMap<string, string>): Promise<string[]> => hiddenBy(git, { files, asked, folder }, signal);
  const stood = new Set(await hidden(before));
  return new Set((await hidden(now)).filter((path) => !stood.has(path)));
}

/** A tree made by hand may hold what leads out of a folder. */
function isPlain(path: string): boolean {
  return path.split("/").every((part) => part !== "" && part !== "." && part !== ".." && part.toLowerCase() !== ".git");
}

/** By path, the content's id. */
async function ignoreFiles(git: AskGit, commit: string, paths: readonly string[], signal: AbortSignal): Promise<Map<string, string>> {
  const folders = new Set(paths.flatMap(foldersAbove));
  const names = [...folders].map((folder) => (folder === "." ? ".gitignore" : `${folder}/.gitignore`));
  const listed = parseTree((await git(["ls-tree", "-l", "-z", "--full-tree", commit, "--", ...names], signal)).toString());
  return new Map(listed.flatMap(({ path, kind, oid, sizeBytes }) => (kind === "file" && sizeBytes < 1024 * 1024 ? [[path, oid]] : [])));
}

function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === "." ? ["."] : [folder, ...foldersAbove(folder)];
}

async function hiddenBy(
  git: AskGit,
  { files, asked, folder }: { files: ReadonlyMap<string, string>; asked: readonly string[]; folder: string },
  signal: AbortSignal,
): Promise<string[]> {
  const tree = await mkdtemp(join(folder, "ignored-"));
  try {
    const put = async (path: string, content: Buffer | string): Promise<void> => {
      await mkdir(dirname(join(tree, path)), { recursive: true });
      await writeFile(join(tree, path), content);
    };
    for (const [path, oid] of files) await put(path, await git(["cat-file", "blob", oid], signal));
    for (const path of asked) await put(path, "");
    const args = ["-C", tree, "--work-tree", tree, "ls-files", "-z", "--others", "--ignored", "--exclude-per-directory=.gitignore"];
    return (await git(args, signal)).toString().split("\0");
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}
