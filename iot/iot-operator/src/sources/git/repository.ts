// A bare copy of one branch, and what stands under one folder of its newest commit. Files are read from the object store, never
// checked out: so a link leads nowhere, no hook or filter runs, and a name cannot leave the tree.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { GitConfig } from "../../config/config.ts";
import { GitError, prepareGit } from "./git-program.ts";

export interface TreeFile {
  /** From the repository's root. */
  readonly path: string;
  readonly kind: "file" | "link" | "submodule";
  readonly oid: string;
  readonly sizeBytes: number;
}

export interface GitRepository {
  /** Asks the remote, and returns the branch's newest commit. */
  fetch(signal: AbortSignal): Promise<string>;
  /** null: there is no such folder. */
  list(commit: string, signal: AbortSignal): Promise<TreeFile[] | null>;
  readBlobs(oids: readonly string[], signal: AbortSignal): Promise<Map<string, Buffer>>;
  /** How many commits lead to this one: higher than that of each of its ancestors. */
  countCommits(commit: string, signal: AbortSignal): Promise<number>;
  /** Of a commit that this copy does not have: false. */
  isAncestor(pair: { ancestor: string; commit: string }, signal: AbortSignal): Promise<boolean>;
  /** Has the next fetch start with a new copy, which is shorter than to pack what many fetches left in this one. */
  renew(): void;
  remove(): Promise<void>;
}

const FETCH_TIMEOUT_MS = 120_000;
const LOCAL_TIMEOUT_MS = 30_000;
const REF = "refs/heads/source";

/** `folder` is this process's own, and is made anew: whatever a killed process left in it is not trusted. */
export async function openGitRepository(folder: string, config: GitConfig): Promise<GitRepository> {
  await rm(folder, { recursive: true, force: true });
  const git = await prepareGit(folder, config);
  const bare = join(folder, "repository.git");
  let usable = false;
  /** git that was killed leaves its locks, and a full disk half an object: the next reading starts with a new copy. */
  const sound = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof GitError) || error.code === "Timeout" || error.code === "MissingObject" || error.code === "Failed")
        usable = false;
      throw error;
    }
  };
  const ask = (args: readonly string[], signal: AbortSignal, input = ""): Promise<Buffer> =>
    git({ args: ["--git-dir", bare, ...args], signal, timeoutMs: LOCAL_TIMEOUT_MS, input });
  const local: typeof ask = (...all) => sound(ask(...all));

  return {
    async fetch(signal) {
      if (!usable) {
        await rm(bare, { recursive: true, force: true });
        await git({ args: ["init", "--quiet", "--bare", "--initial-branch=none", bare], signal, timeoutMs: LOCAL_TIMEOUT_MS });
        usable = true;
      }
      const refspec = `+refs/heads/${config.branch}:${REF}`;
      const quietly = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"];
      const args = ["--git-dir", bare, "fetch", ...quietly, "--end-of-options", config.url, refspec];
      await sound(git({ args, signal, timeoutMs: FETCH_TIMEOUT_MS, remote: true }));
      const tip = (await local(["rev-parse", "--verify", `${REF}^{commit}`], signal)).toString().trim();
      if (!/^[0-9a-f]{40,64}$/.test(tip)) throw new GitError("Failed", `git rev-parse gave no commit: ${JSON.stringify(tip)}`);
      return tip;
    },
    async list(commit, signal) {
      try {
        return parseTree(
          (await local(["ls-tree", "-r", "-l", "-z", "--full-tree", `${commit}:${config.path}`], signal)).toString(),
          config.path,
        );
      } catch (error) {
        if (error instanceof GitError && error.code === "MissingPath") return null;
        throw error;
      }
    },
    async readBlobs(oids, signal) {
      if (oids.length === 0) return new Map();
      return parseBatch(await local(["cat-file", "--batch"], signal, `${oids.join("\n")}\n`));
    },
    async countCommits(commit, signal) {
      return Number((await local(["rev-list", "--count", commit], signal)).toString());
    },
    async isAncestor({ ancestor, commit }, signal) {
      try {
        return (await ask(["rev-list", "--count", "--max-count=1", ancestor, `^${commit}`], signal)).toString().trim() === "0";
      } catch (error) {
        if (error instanceof GitError && error.code === "MissingObject") return false;
        throw error;
      }
    },
    renew() {
      usable = false;
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

const TREE_ENTRY = /^(\d{6}) (\w+) ([0-9a-f]+) +(\d+|-)\t(.*)$/s;

/** Lines of `ls-tree -l -z`: `<mode> <type> <oid> <size>\t<path>`. */
function parseTree(text: string, folder: string): TreeFile[] {
  return text.split("\0").flatMap((line) => {
    const [, mode, type, oid, size, path] = TREE_ENTRY.exec(line) ?? [];
    if (mode === undefined || oid === undefined || path === undefined) return [];
    const kind = type === "commit" ? "submodule" : mode === "120000" ? "link" : "file";
    return [{ path: folder === "" ? path : `${folder}/${path}`, kind, oid, sizeBytes: Number(size) || 0 }];
  });
}

/** Records of `cat-file --batch`: `<oid> <type> <size>\n<content>\n`. */
function parseBatch(bytes: Buffer): Map<string, Buffer> {
  const blobs = new Map<string, Buffer>();
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf("\n", at);
    const [oid, type, size] = bytes.toString("utf8", at, end).split(" ");
    if (end < 0 || oid === undefined || type !== "blob")
      throw new GitError("Failed", "git cat-file gave something that is not a file's content");
    const start = end + 1;
    const stop = start + Number(size);
    blobs.set(oid, bytes.subarray(start, stop));
    at = stop + 1;
  }
  return blobs;
}
