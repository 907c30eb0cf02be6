// What stands in a tree of git, from the records of `ls-tree -l -z`. Pure.

export interface TreeFile {
  /** From the repository's root. */
  readonly path: string;
  readonly kind: "file" | "link" | "submodule";
  readonly oid: string;
  readonly sizeBytes: number;
}

const TREE_ENTRY = /^(\d{6}) (\w+) ([0-9a-f]+) +(\d+|-)\t(.*)$/s;

/** `<mode> <type> <oid> <size>\t<path>`. `folder` is the one that was listed. */
export function parseTreeFile(line: string, folder = ""): TreeFile | null {
  const [, mode, type, oid, size, path] = TREE_ENTRY.exec(line) ?? [];
  if (mode === undefined || oid === undefined || path === undefined) return null;
  const kind = type === "commit" ? "submodule" : mode === "120000" ? "link" : "file";
  return { path: folder === "" ? path : `${folder}/${path}`, kind, oid, sizeBytes: Number(size) || 0 };
}

/** Of the whole path, of each name in it, in bytes; and how many folders lead to it. */
export const PATH_LIMIT_BYTES = 1_024;
export const NAME_LIMIT_BYTES = 255;
export const FOLDERS_LIMIT = 64;

/** One that no file system takes, or that is not looked into part by part. */
export function isLongPath(path: string): boolean {
  if (path.length > PATH_LIMIT_BYTES || Buffer.byteLength(path) > PATH_LIMIT_BYTES) return true;
  const parts = path.split("/");
  return parts.length > FOLDERS_LIMIT + 1 || parts.some((part) => Buffer.byteLength(part) > NAME_LIMIT_BYTES);
}
