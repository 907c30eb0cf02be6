// Which files a person means: a file is itself, a folder is what the git source would read of it (`*.yaml`, `*.yml`), with the
// kustomizations; nothing whose name begins with a dot. Links are not followed, as the git source does not.

import { readdir, readFile, stat } from "node:fs/promises";
import { join, normalize } from "node:path";
import { UserError } from "@harmony/runtime";
import type { WorkloadFile } from "@iot/workload-files";
import { isKustomization } from "./kustomize-warnings.ts";

export interface FoundFiles {
  readonly files: readonly WorkloadFile[];
  /** Symbolic links that are named as workload files. */
  readonly links: readonly string[];
}

/** @throws UserError naming a path that cannot be read. */
export async function findFiles(paths: readonly string[]): Promise<FoundFiles> {
  const found = new Map<string, "file" | "link">();
  for (const path of paths.map(normalize)) {
    const isFolder = (await attempt(path, stat(path))).isDirectory();
    for (const [file, kind] of isFolder ? await filesIn(path) : [[path, "file"] as const]) found.set(file, kind);
  }
  const named = (kind: "file" | "link"): string[] => [...found].flatMap(([path, is]) => (is === kind ? [path] : [])).toSorted();
  return {
    files: await Promise.all(named("file").map(async (path) => ({ path, content: await attempt(path, readFile(path)) }))),
    links: named("link"),
  };
}

async function filesIn(folder: string): Promise<[path: string, kind: "file" | "link"][]> {
  const entries = await attempt(folder, readdir(folder, { withFileTypes: true }));
  const nested = entries.map(async (entry): Promise<[string, "file" | "link"][]> => {
    const path = join(folder, entry.name);
    if (entry.name.startsWith(".") || entry.name === "node_modules") return [];
    if (entry.isDirectory()) return filesIn(path);
    if (!/\.ya?ml$/.test(entry.name) && !isKustomization(entry.name)) return [];
    return entry.isSymbolicLink() ? [[path, "link"]] : entry.isFile() ? [[path, "file"]] : [];
  });
  return (await Promise.all(nested)).flat();
}

async function attempt<Value>(path: string, deed: Promise<Value>): Promise<Value> {
  try {
    return await deed;
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    const why = code === "ENOENT" ? "there is no such file or folder" : code === "EACCES" ? "permission denied" : String(cause);
    throw new UserError(`cannot read ${path}: ${why}`, 1, { cause });
  }
}
