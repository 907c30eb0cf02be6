// Which paths the .gitignore files of a commit hide, as git itself judges it: in a folder that has
// nothing but those files, and an empty file at each path. It is asked only when a file is gone
// from a commit, so that one which somebody has hidden is distinguished from one that somebody has
// removed.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GitError } from "./git-program.ts";
import { parseTreeFile } from "./tree-file.ts";

/** Of the arguments of one program: Linux takes 128 KiB of one, and 2 MiB of all. */
const ARGUMENTS_LIMIT_BYTES = 64 * 1024;
/** Each file is read by itself, and each folder is made: more would take minutes. */
const IGNORE_FILES_LIMIT = 1_000;
const FOLDERS_LIMIT = 20_000;

export interface AskGit {
  (args: readonly string[], signal: AbortSignal): Promise<Buffer>;
}

/** Those that `commit` hides and `than` did not. `folder` is for what is made meanwhile. */
export async function newlyIgnored(
  git: AskGit,
  { paths, commit, than, folder }: { paths: readonly string[]; commit: string; than: string; folder: string },
  signal: AbortSignal,
): Promise<Set<string>> {
  const asked = paths.filter(isPlain);
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
  if (folders.size > FOLDERS_LIMIT) throw tooMany(`${FOLDERS_LIMIT} folders`);
  const found = new Map<string, string>();
  for (const some of groupsOf(names)) {
    const listed = (await git(["ls-tree", "-l", "-z", "--full-tree", commit, "--", ...some], signal)).toString().split("\0");
    for (const line of listed) {
      const file = parseTreeFile(line);
      if (file !== null && file.kind === "file" && file.sizeBytes < 1024 * 1024) found.set(file.path, file.oid);
    }
  }
  if (found.size > IGNORE_FILES_LIMIT) throw tooMany(`${IGNORE_FILES_LIMIT} .gitignore files`);
  return found;
}

function tooMany(what: string): GitError {
  return new GitError("Failed", `more than ${what} are above files that are gone, so it is not known what is hidden: remove them in steps`);
}

function groupsOf(names: readonly string[]): string[][] {
  const groups: string[][] = [];
  let left = 0;
  for (const name of names) {
    left -= Buffer.byteLength(name) + 1;
    if (left < 0) {
      left = ARGUMENTS_LIMIT_BYTES;
      groups.push([]);
    }
    groups.at(-1)?.push(name);
  }
  return groups;
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
