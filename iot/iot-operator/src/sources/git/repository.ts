// A bare copy of one branch, and what stands under one folder of its newest commit. Files are read from the object store, never
// checked out: so a link leads nowhere, no hook or filter runs, and a name cannot leave the tree.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { GitConfig } from "../../config/config.ts";
import { GitError, prepareGit } from "./git-program.ts";
import { newlyIgnored } from "./ignored-paths.ts";
import { parseTree, type TreeFile } from "./tree-file.ts";

/** What a commit is to the one that was followed; `first`: that one is not here. */
export type Lineage = "first" | "descends" | "rewritten";

export interface GitRepository {
  /** Asks the remote, and returns the branch's newest commit. */
  fetch(signal: AbortSignal): Promise<string>;
  /** null: there is no such folder. */
  list(commit: string, signal: AbortSignal): Promise<TreeFile[] | null>;
  readBlobs(oids: readonly string[], signal: AbortSignal): Promise<Map<string, Buffer>>;
  /** How many commits lead to this one: higher than that of each of its ancestors. */
  countCommits(commit: string, signal: AbortSignal): Promise<number>;
  lineage(pair: { followed: string; tip: string }, signal: AbortSignal): Promise<Lineage>;
  /** The values of this trailer in the commits after `from`; null: in the tip alone. */
  trailers(range: { key: string; from: string | null; tip: string }, signal: AbortSignal): Promise<string[]>;
  /** Of these paths, those that a .gitignore of `commit` hides and none of `than` did. */
  newlyIgnored(change: { paths: readonly string[]; commit: string; than: string }, signal: AbortSignal): Promise<Set<string>>;
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
    async lineage({ followed, tip }, signal) {
      try {
        const missing = (await ask(["rev-list", "--count", "--max-count=1", followed, `^${tip}`], signal)).toString().trim();
        return missing === "0" ? "descends" : "rewritten";
      } catch (error) {
        if (error instanceof GitError && error.code === "MissingObject") return "first";
        throw error;
      }
    },
    async trailers({ key, from, tip }, signal) {
      const range = from === null ? ["--max-count=1", tip] : [tip, `^${from}`];
      const text = (await local(["log", `--format=%(trailers:key=${key},valueonly,unfold)`, ...range], signal)).toString();
      return text.split("\n").filter((line) => line !== "");
    },
    newlyIgnored: (change, signal) => newlyIgnored(local, { ...change, folder }, signal),
    renew() {
      usable = false;
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
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
