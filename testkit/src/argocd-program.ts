// Finds Argo CD for the journey that needs it. ARGOCD_ASSETS is a folder with the program `argocd`,
// Argo's own `git-verify-wrapper.sh` and its `manifests/`. If it is not set, the program is built
// and the other files are copied from the Go module that real-parts/argocd pins. Redis is Debian's.

import { chmod, copyFile, mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache.ts";
import { findProgram, run } from "./program.ts";
import { MODULES, goBuild, goProgram } from "./real-parts.ts";

export const ARGOCD_VERSION = "3.5.3";

const MODULE = "github.com/argoproj/argo-cd/v3";

export interface ArgoCdAssets {
  /** One program; the environment variable ARGOCD_BINARY_NAME says which part of Argo CD it is. */
  readonly program: string;
  /**
   * The manifests of the custom resources, and of the ConfigMaps and the Secret without which no
   * part starts, as an installation has them.
   */
  readonly manifests: string;
  /** A folder for the PATH; the repo server runs the git-verify-wrapper.sh in it. */
  readonly scripts: string;
}

export async function argoCdAssets(): Promise<ArgoCdAssets> {
  const override = process.env["ARGOCD_ASSETS"];
  const folder = override !== undefined && override !== "" ? override : await cached(`argocd-${ARGOCD_VERSION}`, buildArgoCd);
  return { program: join(folder, "argocd"), manifests: join(folder, "manifests"), scripts: folder };
}

async function buildArgoCd(into: string): Promise<void> {
  await goBuild("argocd", [join(into, "argocd"), `${MODULE}/cmd`]);
  const { stdout } = await run([await goProgram(), "list", "-m", "-f", "{{.Dir}}", MODULE], { cwd: join(MODULES, "argocd") });
  const source = stdout.trim();
  const manifests = join(into, "manifests");
  await mkdir(manifests);
  for (const [from, isWanted] of [
    ["crds", (name: string) => name.endsWith("-crd.yaml")],
    ["base/config", (name: string) => name.startsWith("argocd-")],
  ] as const) {
    const names = (await readdir(join(source, "manifests", from))).filter(isWanted);
    for (const name of names) await copyWritable(join(source, "manifests", from, name), join(manifests, name));
  }
  await copyWritable(join(source, "hack", "git-verify-wrapper.sh"), join(into, "git-verify-wrapper.sh"));
  await chmod(join(into, "git-verify-wrapper.sh"), 0o755);
}

/** Files of Go's module cache are read-only; a plain copy would be read-only too. */
async function copyWritable(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await chmod(to, 0o644);
}

/**
 * Makes `redis-server` in a folder and gives its path. Debian's package of that name would start a
 * service as well. redis-tools holds the same program under the name redis-check-rdb, and the
 * program acts by the name that it is called with.
 */
export async function redisProgram(folder: string): Promise<string> {
  const tool = await findProgram("redis-check-rdb");
  if (tool === undefined) throw new Error("failed to find Redis, which Argo CD needs: install it (Debian: redis-tools)");
  const program = join(folder, "redis-server");
  await symlink(tool, program);
  return program;
}
