// What tests of a branch's evidence share: a real repository, and the source that reads it as the
// operator does, with the version that was followed last.

import { join } from "node:path";
import { createLog } from "@harmony/runtime";
import { type GitRepository, makeGitRepository, makeTempFolder } from "@iot/testkit";
import { onTestFinished } from "vitest";
import { readConfig } from "../src/config/config.ts";
import { createGitSource, type GitSource } from "../src/sources/git/git-source.ts";
import type { CompleteSnapshot, GitEvidence } from "../src/sources/source.ts";

export type Files = Readonly<Record<string, string | Uint8Array | null>>;

export interface Opened {
  readonly repository: GitRepository;
  push(files: Files, options?: { message?: string; force?: boolean }): Promise<string>;
  /** Reads as the operator does, with the version that was followed last. */
  read(): Promise<Read>;
  /** Forgets all but the followed version, as a new process with the record does. */
  restart(): Promise<void>;
}

interface Read {
  readonly names: readonly string[];
  readonly problem: string | undefined;
  readonly version: string;
  readonly evidence: GitEvidence;
}

export async function open(env: Record<string, string> = {}): Promise<Opened> {
  const repository = await makeGitRepository();
  onTestFinished(() => repository.remove());
  let source = await openSource({ IOT_GIT_URL: repository.url, ...env });
  let followed: string | null = null;
  return {
    repository,
    push: async (files, { message, force = false } = {}) => {
      const commit = await repository.commit(files, message);
      await repository.push({ force });
      return commit;
    },
    read: async () => {
      const snapshot = await source.read(new AbortController().signal, followed);
      if (snapshot.kind === "unreadable") throw new Error(snapshot.message);
      followed = snapshot.version;
      return {
        ...snapshot,
        names: snapshot.deployments.map(({ name }) => name),
        evidence: gitEvidence(snapshot),
        problem: snapshot.problem,
      };
    },
    restart: async () => void (source = await openSource({ IOT_GIT_URL: repository.url, ...env })),
  };
}

async function openSource(env: Record<string, string>): Promise<GitSource> {
  const folder = await makeTempFolder("git-source");
  onTestFinished(() => folder.remove());
  const { git } = readConfig(env);
  if (git === null) throw new Error("no IOT_GIT_URL");
  const log = createLog({ name: "test", write: () => undefined });
  return createGitSource({ config: git, id: "git:test", folder: join(folder.path, "copy"), log });
}

function gitEvidence({ evidence }: CompleteSnapshot): GitEvidence {
  if (evidence?.kind !== "git") throw new Error("no evidence");
  return evidence;
}
