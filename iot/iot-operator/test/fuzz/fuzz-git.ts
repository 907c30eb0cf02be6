// Tries many changes of a git repository on the source that reads it: whatever a commit holds, it
// is answered in few plain words and in bounded time, and what it no longer gives is a removal only
// where nothing stands in its place.

import { createLog } from "@harmony/runtime";
import { randomOf } from "@iot/testkit";
import { readWorkloadFiles } from "@iot/workload-files";
import type { GitRepository } from "../../src/sources/git/repository.ts";
import { createGitSource, type GitSource } from "../../src/sources/git/git-source.ts";
import { parseTreeFile } from "../../src/sources/git/tree-file.ts";
import type { CompleteSnapshot, SourceSnapshot } from "../../src/sources/source.ts";
import { changedTree, listed, oidOf, someTree, trailersOf, type Tree } from "./trees.ts";

/** Of the CPU; the thread that reads a file is ended after ten seconds. */
const MOST_MS = 20_000;
const MOST_CHARACTERS = 2_000;
const OBEYED = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;
const CONFIG = { branch: "main", path: "", pollMs: 1_000, namespace: "default", username: undefined, password: undefined };

export interface FoundInGit {
  readonly seed: number;
  readonly what: string;
}

/** Stops at the first that does not hold. `seed`: of the first; each next one has the next. */
export async function fuzzGit({ seed, count, untilMs }: { readonly seed: number; readonly count: number; readonly untilMs: number }) {
  const repository = new ModelRepository();
  const log = createLog({ name: "fuzz", write: () => undefined });
  const config = { ...CONFIG, url: "file:///none", sshKeyFile: undefined, sshKnownHostsFile: undefined };
  const source = await createGitSource({ config, id: "git:fuzz", folder: "", log, repository });
  let [tried, removals, slowestMs] = [0, 0, 0];
  let found: FoundInGit | null = null;
  for (; tried < count && performance.now() < untilMs && found === null; tried += 1) {
    const begun = process.cpuUsage();
    const { wrong, removed } = await tryOne(seed + tried, repository, source);
    const { user, system } = process.cpuUsage(begun);
    const tookMs = (user + system) / 1_000;
    slowestMs = Math.max(slowestMs, tookMs);
    removals += removed;
    const what = wrong ?? (tookMs > MOST_MS ? `it takes ${Math.round(tookMs)} ms` : null);
    if (what !== null) found = { seed: seed + tried, what };
  }
  await source.close();
  return { tried, removals, slowestMs, found };
}

async function tryOne(seed: number, repository: ModelRepository, source: GitSource): Promise<{ wrong: string | null; removed: number }> {
  const random = randomOf(seed);
  const before = someTree(random);
  const after = changedTree(before, random);
  const signal = new AbortController().signal;
  try {
    repository.push(before, { trailers: [], ignores: false });
    const first = await source.read(signal, null);
    repository.push(after, { trailers: trailersOf(random), ignores: random(8) === 0 });
    const followed = first.kind === "complete" ? first.version : null;
    const second = await source.read(signal, followed);
    const unfit = [first, second].flatMap(unfitWords)[0];
    if (unfit !== undefined) return { wrong: unfit, removed: 0 };
    if (first.kind !== "complete" || second.kind !== "complete") return { wrong: null, removed: 0 };
    return { wrong: wrongRemoval({ before, first }, { after, second }), removed: goneIn(first, second).length };
  } catch (error) {
    return { wrong: error instanceof Error ? (error.stack ?? error.message) : String(error), removed: 0 };
  }
}

function unfitWords(snapshot: SourceSnapshot): string[] {
  const words = snapshot.kind === "unreadable" ? [snapshot.reason, snapshot.message] : [snapshot.problem ?? ""];
  return words.filter((text) => text.length > MOST_CHARACTERS || OBEYED.test(text)).map((text) => `unfit words: ${JSON.stringify(text)}`);
}

/** What goes by the commit; all of a file that cannot be read stays. */
function goneIn(first: CompleteSnapshot, second: CompleteSnapshot): string[] {
  if (second.authoritative !== true || second.evidence?.kind !== "git" || second.evidence.unreadable.length > 0) return [];
  const { consents } = second.evidence;
  const there = new Set(second.deployments.map(({ uid }) => uid));
  return first.deployments
    .filter(({ uid, namespace, name }) => !there.has(uid) && !consents.has(`${namespace}/${name}`))
    .map(({ name }) => name);
}

function wrongRemoval(
  { before, first }: { before: Tree; first: CompleteSnapshot },
  { after, second }: { after: Tree; second: CompleteSnapshot },
): string | null {
  for (const name of goneIn(first, second)) {
    for (const [path, { content }] of before) {
      if (!gives(path, content).includes(name)) continue;
      const now = after.get(path);
      if (now !== undefined && gives(path, now.content).length === 0) {
        return `${name} is removed, and ${JSON.stringify(path)} stands and gives nothing`;
      }
      const above = path.split("/").flatMap((_, index, parts) => (index === 0 ? [] : [parts.slice(0, index).join("/")]));
      const inPlace = above.find((folder) => after.has(folder));
      if (inPlace !== undefined) return `${name} is removed, and ${JSON.stringify(inPlace)} stands in the place of its folder`;
      const twin = [...after].find(([other, entry]) => !before.has(other) && now === undefined && entry.content.equals(content));
      if (twin !== undefined) return `${name} is removed, and ${JSON.stringify(twin[0])} has its content`;
    }
  }
  return null;
}

/** The names in a file that can be read whole. */
function gives(path: string, content: Buffer): string[] {
  const { deployments, issues } = readWorkloadFiles([{ path, content }]);
  return issues.length > 0 ? [] : deployments.map(({ document }) => document.metadata.name);
}

/** The commits of one branch, as git would tell of them. */
class ModelRepository implements GitRepository {
  #commits = 0;
  #tip = "";
  #trees = new Map<string, Tree>();
  #trailers: readonly string[] = [];
  #ignores = false;

  push(tree: Tree, { trailers, ignores }: { readonly trailers: readonly string[]; readonly ignores: boolean }): void {
    this.#commits += 1;
    this.#tip = oidOf(Buffer.from(String(this.#commits)));
    this.#trees = new Map([...this.#trees].slice(-1)).set(this.#tip, tree);
    this.#trailers = trailers;
    this.#ignores = ignores;
  }

  fetch = async (): Promise<string> => this.#tip;
  list = async (commit: string) =>
    listed(this.#trees.get(commit) ?? new Map())
      .split("\0")
      .flatMap((line) => parseTreeFile(line) ?? []);
  readBlobs = async (oids: readonly string[]): Promise<Map<string, Buffer>> => {
    const all = [...this.#trees.values()]
      .flatMap((tree) => [...tree.values()])
      .map(({ content }): [string, Buffer] => [oidOf(content), content]);
    const wanted = new Set(oids);
    return new Map(all.filter(([oid]) => wanted.has(oid)));
  };
  countCommits = async (): Promise<number> => this.#commits;
  committedAt = async (): Promise<string> => "2026-01-01T00:00:00Z";
  relate: GitRepository["relate"] = async ({ followed }) => ({
    lineage: followed !== null && this.#trees.has(followed) ? "descends" : "first",
    ahead: 1,
    trailers: this.#trailers,
  });
  newlyIgnored: GitRepository["newlyIgnored"] = async ({ paths }) => new Set(this.#ignores ? paths : []);
  renew(): void {}
  async remove(): Promise<void> {}
}
