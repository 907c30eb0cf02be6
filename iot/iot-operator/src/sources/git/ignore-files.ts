// The `.iotignore` files of a commit: which of its files are somebody else's. One that cannot be
// read leaves nothing out, and is a file that cannot be read, so that the commit removes nothing.

import { IGNORE_FILE, IGNORE_LIMIT_BYTES, type Ignored, ignoredBy, type IgnoreRule, readIgnoreFile } from "@iot/workload-files";
import type { FileProblem } from "./file-problem.ts";
import type { GitRepository } from "./repository.ts";
import type { TreeFile } from "./tree-file.ts";

/** A commit with more is made to be slow. */
const FILES_LIMIT = 100;

export interface Ignoring {
  readonly by: (path: string) => Ignored | null;
  readonly problems: readonly FileProblem[];
}

export async function ignoringOf(entries: readonly TreeFile[], repository: GitRepository, signal: AbortSignal): Promise<Ignoring> {
  const found = entries.filter(({ path }) => path === IGNORE_FILE || path.endsWith(`/${IGNORE_FILE}`));
  if (found.length === 0) return { by: () => null, problems: [] };
  const isFit = ({ kind, sizeBytes }: TreeFile): boolean => kind === "file" && sizeBytes <= IGNORE_LIMIT_BYTES;
  const fit = found.filter(isFit).slice(0, FILES_LIMIT);
  const contents = await repository.readBlobs([...new Set(fit.map(({ oid }) => oid))], signal);
  const rules = new Map<string, readonly IgnoreRule[]>();
  const problems = found
    .filter((entry) => !fit.includes(entry))
    .map(({ path }) => problemOf(path, "is no file of a size that is read, so nothing is left out by it: put a short file there"));
  for (const { path, oid } of fit) {
    const read = readIgnoreFile(contents.get(oid) ?? Buffer.alloc(0));
    if (read.ok) rules.set(path.slice(0, Math.max(0, path.length - IGNORE_FILE.length - 1)), read.rules);
    else problems.push(problemOf(path, read.problem));
  }
  return { by: (path) => ignoredBy(rules, path), problems };
}

function problemOf(file: string, message: string): FileProblem {
  return { file, message, whole: true };
}
