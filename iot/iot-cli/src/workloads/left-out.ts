// What the `.iotignore` files of a work tree leave out, as the git source does: those in the folder
// that is looked at, in folders below it, and above it up to the root of the repository.

import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { IGNORE_FILE, ignoredBy, type IgnoreRule, readIgnoreFile } from "@iot/workload-files";
import type { UnreadFile } from "./finding.ts";
import { topOf } from "./work-tree.ts";

export class LeftOut {
  readonly #root: string;
  readonly #rules = new Map<string, readonly IgnoreRule[]>();
  readonly #looked = new Set<string>();
  readonly #problems: UnreadFile[] = [];

  /** `folder`: the one that is looked at. */
  constructor(folder: string) {
    this.#root = topOf(folder) ?? resolve(folder);
  }

  /** Those that cannot be read, of the folders that were looked at. */
  get problems(): readonly UnreadFile[] {
    return this.#problems;
  }

  /** `<file>:<line>`; null: it is read. */
  by(path: string, isFolder = false): string | null {
    const within = relative(this.#root, resolve(path));
    if (within.startsWith("..") || within === "") return null;
    this.#look(dirname(within), dirname(path));
    const found = ignoredBy(this.#rules, within, isFolder);
    return found === null ? null : `${found.file}:${found.line}`;
  }

  #look(folder: string, shown: string): void {
    if (this.#looked.has(folder)) return;
    this.#looked.add(folder);
    if (folder !== ".") this.#look(dirname(folder), dirname(shown));
    const content = contentOf(join(this.#root, folder, IGNORE_FILE));
    if (content === null) return;
    const read = readIgnoreFile(content);
    if (read.ok) this.#rules.set(folder === "." ? "" : folder, read.rules);
    else this.#problems.push({ path: join(shown, IGNORE_FILE), message: read.problem });
  }
}

function contentOf(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}
