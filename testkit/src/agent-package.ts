// Builds the agent's Debian package, for this machine's architecture: from a commit, so that the
// agent that runs on devices today can stand beside the next one, or from this tree as it is. The
// package program of each tree builds it; it is run and never imported. A commit's package is kept
// in the cache.

import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { cached, exists } from "./cache.ts";
import { run } from "./program.ts";

/** The commit of v0.1.0, by its hash, since a clone may have the history without the tags. */
export const FIRST_RELEASE = "213c1d75941d759105e94d03e3a9556d89d0d5bb";

const REPOSITORY = join(import.meta.dirname, "../..");
const PROGRAM = "build/package/main.ts";
const BUILD_TIMEOUT_MS = 600_000;
const PACKAGE_FILE = "iot-agent.deb";

/** The package's path. @throws Error where this clone has no such commit. */
export async function agentPackageOfCommit(commit: string): Promise<string> {
  const hash = await hashOfCommit(commit);
  const folder = await cached(`agent-${hash.slice(0, 12)}-${process.arch}`, async (into) => {
    const tree = join(into, "tree");
    // The clone borrows this clone's objects and leaves nothing in it. An archive would not do: the
    // build asks git for the commit and its date.
    await run(["git", "clone", "--quiet", "--shared", "--no-checkout", REPOSITORY, tree]);
    await run(["git", "-C", tree, "checkout", "--quiet", "--detach", hash]);
    if (!(await exists(join(tree, "build/run.sh"))))
      throw new Error(`the agent of ${commit} cannot be built here: it is older than build/run.sh`);
    // The folder is copied and not linked: links among the packages of the repository are relative,
    // and have to end in that tree. The tree's own build installs what its lock file has otherwise.
    await run(["cp", "--archive", "--reflink=auto", join(REPOSITORY, "node_modules"), tree]);
    await rename(await buildPackage([join(tree, "build/run.sh"), PROGRAM], into), join(into, PACKAGE_FILE));
    await rm(tree, { recursive: true });
  });
  return join(folder, PACKAGE_FILE);
}

/** Builds the tree as it is here, with changed files, anew into that folder. */
export function agentPackageOfTree(into: string): Promise<string> {
  return buildPackage([process.execPath, join(REPOSITORY, PROGRAM)], into);
}

/** The path of the package. The folder keeps this file, and what was there before. */
async function buildPackage(program: readonly string[], into: string): Promise<string> {
  const out = join(into, "built");
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const command = [...program, "--fast", "--arch", architecture, "--out", out];
  await run(command, { timeoutMs: BUILD_TIMEOUT_MS });
  const name = (await readdir(out)).find((file) => file.startsWith("iot-agent_") && file.endsWith(".deb"));
  if (name === undefined) throw new Error(`"${command.join(" ")}" has left no Debian package in ${out}`);
  await rename(join(out, name), join(into, name));
  await rm(out, { recursive: true });
  return join(into, name);
}

async function hashOfCommit(commit: string): Promise<string> {
  const { exitCode, stdout } = await run(["git", "rev-parse", "--verify", "--quiet", "--end-of-options", `${commit}^{commit}`], {
    cwd: REPOSITORY,
    allowExitCodes: [0, 1, 128],
  });
  if (exitCode === 0) return stdout.trim();
  const { stdout: isShallow } = await run(["git", "rev-parse", "--is-shallow-repository"], { cwd: REPOSITORY });
  const cure = isShallow.trim() === "true" ? "git fetch --unshallow" : "git fetch --all --tags";
  throw new Error(`the agent of ${commit} cannot be built: this clone does not have that commit; run \`${cure}\`, then this again`);
}
