// A bare copy of one branch, and what stands under one folder of its newest commit. Files are read
// from the object store, never checked out: so a link leads nowhere, no hook or filter runs, and a
// name cannot leave the tree.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { GitConfig } from "../../config/config.ts";
import { GitError, prepareGit } from "./git-program.ts";
import { newlyIgnored } from "./ignored-paths.ts";
import { parseTree, type TreeFile } from "./tree-file.ts";

/** How the tip of a branch came from the commit that was followed. */
export interface Relation {
  /** `first`: the followed commit is not here. */
  readonly lineage: "first" | "descends" | "rewritten";
  /** How many commits lead to the tip and not to the followed one. */
  readonly ahead: number;
  /** The values of a trailer in those commits; unless it descends, in the tip alone. */
  readonly trailers: readonly string[];
}

export interface GitRepository {
  /** Asks the remote, and returns the branch's newest commit. */
  fetch(signal: AbortSignal): Promise<string>;
  /** null: there is no such folder. */
  list(commit: string, signal: AbortSignal): Promise<TreeFile[] | null>;
  readBlobs(oids: readonly string[], signal: AbortSignal): Promise<Map<string, Buffer>>;
  /** How many commits lead to this one: higher than that of each of its ancestors. */
  countCommits(commit: string, signal: AbortSignal): Promise<number>;
  /** RFC 3339. */
  committedAt(commit: string, signal: AbortSignal): Promise<string>;
  relate(pair: { followed: string | null; tip: string; trailer: string }, signal: AbortSignal): Promise<Relation>;
  /** Those of the paths that a .gitignore of `commit` hides and none of `than` did. */
  newlyIgnored(change: { paths: readonly string[]; commit: string; than: string }, signal: AbortSignal): Promise<Set<string>>;
  /**
   * Has the next fetch start with a new copy, which is shorter than to pack what many fetches left
   * in this one.
   */
  renew(): void;
  remove(): Promise<void>;
}

const FETCH_TIMEOUT_MS = 120_000;
const LOCAL_TIMEOUT_MS = 30_000;
/** What is read is limited before; git writes a line beside each. */
const BLOBS_LIMIT_BYTES = 192 * 1024 * 1024;
const REF = "refs/heads/source";

/**
 * `folder` is this process's own, and is made anew: whatever a killed process left in it is not
 * trusted.
 */
export async function openGitRepository(folder: string, config: GitConfig): Promise<GitRepository> {
  await rm(folder, { recursive: true, force: true });
  const git = await prepareGit(folder, config);
  const bare = join(folder, "repository.git");
  let usable = false;
  /**
   * git that was killed leaves its locks, and a full disk half an object: the next reading starts
   * with a new copy.
   */
  const sound = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof GitError) || error.code === "Timeout" || error.code === "MissingObject" || error.code === "Failed")
        usable = false;
      throw error;
    }
  };
  const ask = (args: readonly string[], signal: AbortSignal, input = "", limitBytes?: number): Promise<Buffer> =>
    git({
      args: ["--git-dir", bare, ...args],
      signal,
      timeoutMs: LOCAL_TIMEOUT_MS,
      input,
      ...(limitBytes === undefined ? {} : { limitBytes }),
    });
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
      return parseBatch(await local(["cat-file", "--batch"], signal, `${oids.join("\n")}\n`, BLOBS_LIMIT_BYTES));
    },
    async countCommits(commit, signal) {
      return Number((await local(["rev-list", "--count", commit], signal)).toString());
    },
    async committedAt(commit, signal) {
      return (await local(["show", "--no-patch", "--format=%cI", commit], signal)).toString().trim();
    },
    async relate({ followed, tip, trailer }, signal) {
      // One call for all: of each commit the side that it is on, and on the lines below its
      // trailers.
      const logged = (run: typeof ask, ...range: string[]): Promise<Buffer> =>
        run(["log", "--left-right", `--format=%x00%m%H%n%(trailers:key=${trailer},valueonly,unfold)`, ...range], signal);
      const alone = async (): Promise<Relation> => relationOf((await logged(local, "--max-count=1", tip)).toString(), tip, "first");
      if (followed === null) return alone();
      try {
        return relationOf((await logged(ask, `${followed}...${tip}`)).toString(), tip, "descends");
      } catch (error) {
        if (error instanceof GitError && error.code === "MissingObject") return alone();
        throw error;
      }
    },
    newlyIgnored: (change, signal) => newlyIgnored(local, { ...change, folder }, signal),
    renew() {
      usable = false;
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** With a commit on the left side the branch was rewritten. */
function relationOf(log: string, tip: string, lineage: "first" | "descends"): Relation {
  const commits = log.split("\0").flatMap((record) => {
    const [head = "", ...values] = record.trim().split("\n");
    return head === "" ? [] : [{ side: head.slice(0, 1), id: head.slice(1), trailers: values.filter((value) => value !== "") }];
  });
  const ahead = commits.filter(({ side }) => side !== "<");
  const found = ahead.length < commits.length ? "rewritten" : lineage;
  const counted = found === "descends" ? ahead : ahead.filter(({ id }) => id === tip);
  return { lineage: found, ahead: ahead.length, trailers: counted.flatMap(({ trailers }) => trailers) };
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
