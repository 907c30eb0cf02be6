// A git repository that tests push to for real: a bare one, and a clone to work in. Its commits
// carry fixed names, and git reads no configuration of the machine or the user.

import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run } from "./program.ts";
import { makeTempFolder } from "./temp-folder.ts";

export interface GitRepository {
  /** `file://` URL of the bare repository. */
  readonly url: string;
  readonly barePath: string;
  readonly workPath: string;
  readonly branch: string;
  /** Writes files (null removes one) and commits them; gives the commit's id. Nothing is pushed. */
  commit(files: Readonly<Record<string, string | Uint8Array | null>>, message?: string): Promise<string>;
  push(options?: { readonly force?: boolean }): Promise<void>;
  /** Puts the work clone to another commit, so that the next push has to be forced. */
  resetTo(commit: string): Promise<void>;
  /** The commit that a client would get now. */
  head(): Promise<string>;
  /** Installs a hook in the bare repository: `setHook("post-receive", "#!/bin/sh\n…")`. */
  setHook(name: string, script: string): Promise<void>;
  git(args: readonly string[]): Promise<string>;
  remove(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const IDENTITY = { name: "A Developer", email: "developer@example.org" };
const ENVIRONMENT = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: IDENTITY.name,
  GIT_AUTHOR_EMAIL: IDENTITY.email,
  GIT_COMMITTER_NAME: IDENTITY.name,
  GIT_COMMITTER_EMAIL: IDENTITY.email,
};

export async function makeGitRepository({ branch = "main" }: { readonly branch?: string } = {}): Promise<GitRepository> {
  const folder = await makeTempFolder("git");
  const barePath = join(folder.path, "repository.git");
  const workPath = join(folder.path, "work");
  const gitIn = async (cwd: string, args: readonly string[]): Promise<string> =>
    (await run(["git", ...args], { cwd, env: ENVIRONMENT })).stdout.trim();
  const git = (args: readonly string[]): Promise<string> => gitIn(workPath, args);

  await gitIn(folder.path, ["init", "--quiet", "--bare", `--initial-branch=${branch}`, barePath]);
  await gitIn(folder.path, ["init", "--quiet", `--initial-branch=${branch}`, workPath]);
  await git(["remote", "add", "origin", barePath]);
  return {
    url: `file://${barePath}`,
    barePath,
    workPath,
    branch,
    commit: async (files, message = "Change") => {
      for (const [path, text] of Object.entries(files)) {
        const target = join(workPath, path);
        if (text === null) {
          await rm(target, { recursive: true });
          continue;
        }
        await mkdir(dirname(target), { recursive: true });
        await writeFile(target, text);
      }
      await git(["add", "--all"]);
      await git(["commit", "--quiet", "--allow-empty", "--message", message]);
      return git(["rev-parse", "HEAD"]);
    },
    push: async ({ force = false } = {}) => {
      await git(["push", "--quiet", ...(force ? ["--force"] : []), "origin", `HEAD:refs/heads/${branch}`]);
    },
    resetTo: async (commit) => void (await git(["reset", "--quiet", "--hard", commit])),
    head: () => gitIn(barePath, ["rev-parse", branch]),
    setHook: async (name, script) => {
      const path = join(barePath, "hooks", name);
      await writeFile(path, script);
      await chmod(path, 0o755);
    },
    git,
    remove: () => folder.remove(),
    [Symbol.asyncDispose]: () => folder.remove(),
  };
}
