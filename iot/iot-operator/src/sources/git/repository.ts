// A bare copy of one branch, and what stands under one folder of its newest commit. Files are read
// from the object store, never checked out: so a link leads nowhere, no hook or filter runs, and a
// name cannot leave the tree.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { GitConfig } from "../../config/config.ts";
import { batchBlobs, nulRecords, type OutputParser } from "./git-output.ts";
import { GitError, type GitRun, prepareGit } from "./git-program.ts";
import { newlyIgnored } from "./ignored-paths.ts";
import { parseTreeFile, type TreeFile } from "./tree-file.ts";

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
/** Some 200,000 files. */
const LIST_LIMIT_BYTES = 16 * 1024 * 1024;
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
  const ask = (
    args: readonly string[],
    signal: AbortSignal,
    more: Pick<GitRun, "input" | "limitBytes" | "onOutput"> = {},
  ): Promise<Buffer> => git({ args: ["--git-dir", bare, ...args], signal, timeoutMs: LOCAL_TIMEOUT_MS, ...more });
  const local: typeof ask = (...all) => sound(ask(...all));
  const parsed = async (run: typeof ask, parser: OutputParser, ...[args, signal, more]: Parameters<typeof ask>): Promise<void> => {
    await run(args, signal, { ...more, onOutput: parser.push });
    parser.end();
  };

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
        const files: TreeFile[] = [];
        const records = nulRecords((line) => {
          const file = parseTreeFile(line, config.path);
          if (file !== null) files.push(file);
        });
        const args = ["ls-tree", "-r", "-l", "-z", "--full-tree", `${commit}:${config.path}`];
        await parsed(local, records, args, signal, { limitBytes: LIST_LIMIT_BYTES });
        return files;
      } catch (error) {
        if (error instanceof GitError && error.code === "MissingPath") return null;
        throw error;
      }
    },
    async readBlobs(oids, signal) {
      const blobs = new Map<string, Buffer>();
      if (oids.length === 0) return blobs;
      const records = batchBlobs((oid, content) => void blobs.set(oid, content));
      await parsed(local, records, ["cat-file", "--batch"], signal, { input: `${oids.join("\n")}\n`, limitBytes: BLOBS_LIMIT_BYTES });
      return blobs;
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
      const logged = async (run: typeof ask, lineage: "first" | "descends", ...range: string[]): Promise<Relation> => {
        const commits = commitsOf(tip);
        const format = `--format=%x00%m%H%n%(trailers:key=${trailer},valueonly,unfold)`;
        await parsed(run, nulRecords(commits.take), ["log", "--left-right", format, ...range], signal);
        return commits.relation(lineage);
      };
      const alone = (): Promise<Relation> => logged(local, "first", "--max-count=1", tip);
      if (followed === null) return alone();
      try {
        return await logged(ask, "descends", `${followed}...${tip}`);
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
function commitsOf(tip: string): { take(record: string): void; relation(lineage: "first" | "descends"): Relation } {
  let [isRewritten, ahead] = [false, 0];
  const all: string[] = [];
  let ofTip: readonly string[] = [];
  return {
    take(record) {
      const [head = "", ...values] = record.trim().split("\n");
      if (head === "") return;
      if (head.startsWith("<")) {
        isRewritten = true;
        return;
      }
      ahead += 1;
      const trailers = values.filter((value) => value !== "");
      all.push(...trailers);
      if (head.slice(1) === tip) ofTip = trailers;
    },
    relation(lineage) {
      const found = isRewritten ? "rewritten" : lineage;
      return { lineage: found, ahead, trailers: found === "descends" ? all : ofTip };
    },
  };
}
