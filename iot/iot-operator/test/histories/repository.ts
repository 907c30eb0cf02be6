// A git repository as far as removals see it: commits with parents, a branch that is pushed to or
// forced, commits that are refused or of which a file cannot be read, and trailers.

import { asDeploymentName, asDeviceId } from "@iot/contracts";
import type { CompleteSnapshot, GitEvidence, SourceSnapshot } from "../../src/sources/source.ts";

export interface Commit {
  readonly id: string;
  readonly parent: Commit | null;
  /** By `<namespace>/<name>`. */
  readonly content: ReadonlyMap<string, readonly string[]>;
  readonly isReadable: boolean;
  readonly isRefused: boolean;
  readonly trailers: readonly string[];
}

export class Repository {
  readonly commits: Commit[] = [];
  tip: Commit;

  constructor() {
    this.tip = this.#add({ parent: null, content: new Map(), isReadable: true, isRefused: false, trailers: [] });
  }

  commit(parent: Commit, content: Commit["content"], more: Partial<Pick<Commit, "isReadable" | "isRefused" | "trailers">> = {}): Commit {
    this.tip = this.#add({ parent, content, isReadable: true, isRefused: false, trailers: [], ...more });
    return this.tip;
  }

  byId(id: string | null): Commit | null {
    return this.commits.find((commit) => commit.id === id) ?? null;
  }

  /** Answers as sources/git does. `isNewCopy`: it does not know what it had before. */
  read(followed: string | null): SourceSnapshot {
    const { tip } = this;
    const before = this.byId(followed);
    if (tip.isRefused) {
      if (before === null) return { kind: "unreadable", reason: "InvalidCommit", message: "" };
      const evidence: GitEvidence = {
        kind: "git",
        followed,
        tip: before.id,
        lineage: "descends",
        gave: gaveIn(before),
        unreadable: [],
        consents: new Set(),
      };
      return { ...snapshotOf(before, evidence), problem: "it is not followed", authoritative: false };
    }
    const lineage = before === null ? "first" : isAncestor(before, tip) ? "descends" : "rewritten";
    return {
      ...snapshotOf(tip, {
        kind: "git",
        followed,
        tip: tip.id,
        lineage,
        gave: gaveIn(before),
        unreadable: tip.isReadable ? [] : [{ path: "new.yaml", message: "expected a map" }],
        consents: new Set(consentsOf(before, tip)),
      }),
      authoritative: true,
    };
  }

  #add(commit: Omit<Commit, "id">): Commit {
    const added = { id: `c${this.commits.length}`, ...commit };
    this.commits.push(added);
    return added;
  }
}

export function isAncestor(older: Commit, younger: Commit): boolean {
  for (let at: Commit | null = younger; at !== null; at = at.parent) if (at === older) return true;
  return false;
}

/** In any commit after the followed one; after a rewrite in the tip alone. */
export function consentsOf(before: Commit | null, tip: Commit): readonly string[] {
  if (before === tip) return [];
  if (before === null || !isAncestor(before, tip)) return tip.trailers;
  const trailers: string[] = [];
  for (let at: Commit | null = tip; at !== null && at !== before; at = at.parent) trailers.push(...at.trailers);
  return trailers;
}

function gaveIn(commit: Commit | null): GitEvidence["gave"] {
  return new Map([...(commit?.content ?? [])].map(([object, targets]) => [object, new Set(targets)]));
}

/** How many commits lead to it. */
function countOf(commit: Commit): number {
  return commit.parent === null ? 1 : 1 + countOf(commit.parent);
}

function snapshotOf(commit: Commit, evidence: GitEvidence): CompleteSnapshot {
  const { id, content } = commit;
  const generation = countOf(commit);
  const deployments = [...content].map(([object, targets]) => {
    const [namespace = "", name = ""] = object.split("/");
    return {
      uid: `git:ours/${object}`,
      namespace,
      name: asDeploymentName(name),
      generation,
      createdAt: "1970-01-01T00:00:00Z",
      commit: id,
      targetDevices: targets.map(asDeviceId),
      scoreString: `{"type":"PodmanV0","data":{"of":"${object}"}}`,
    };
  });
  return { kind: "complete", deployments, refused: [], deleting: [], version: id, evidence };
}
