// What stands in a tree of git, from the lines of `ls-tree -l -z`. Pure.

export interface TreeFile {
  /** From the repository's root. */
  readonly path: string;
  readonly kind: "file" | "link" | "submodule";
  readonly oid: string;
  readonly sizeBytes: number;
}

const TREE_ENTRY = /^(\d{6}) (\w+) ([0-9a-f]+) +(\d+|-)\t(.*)$/s;

/**
 * `<mode> <type> <oid> <size>\t<path>`, each ended by a NUL. `folder` is the one that was listed.
 */
export function parseTree(text: string, folder = ""): TreeFile[] {
  return text.split("\0").flatMap((line) => {
    const [, mode, type, oid, size, path] = TREE_ENTRY.exec(line) ?? [];
    if (mode === undefined || oid === undefined || path === undefined) return [];
    const kind = type === "commit" ? "submodule" : mode === "120000" ? "link" : "file";
    return [{ path: folder === "" ? path : `${folder}/${path}`, kind, oid, sizeBytes: Number(size) || 0 }];
  });
}

/** The length of the whole path, in characters, and how many folders lead to it. */
export const PATH_LIMIT = 1_024;
export const FOLDERS_LIMIT = 64;

/** One that is not looked into part by part: a tree made by hand may have any. */
export function isLongPath(path: string): boolean {
  return path.length > PATH_LIMIT || path.split("/", FOLDERS_LIMIT + 2).length > FOLDERS_LIMIT + 1;
}

/** As much of a path as may lead to a file that is read. */
export function nearPart(path: string): string {
  return path
    .slice(0, PATH_LIMIT + 1)
    .split("/", FOLDERS_LIMIT + 2)
    .join("/");
}
