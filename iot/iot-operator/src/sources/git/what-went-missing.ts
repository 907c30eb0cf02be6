// Whether a commit that no longer gives a Deployment says that it shall go. It does when the file
// is gone, or the document is gone from a file that still gives others. It does not when the file
// is still there in a form that gives nothing: a Git LFS pointer, an empty file, another suffix, a
// submodule in the place of its folder, a line of `.iotignore`. Then the commit is refused, and what was followed stays.
// Pure.

import { looksLikeDeployment } from "@iot/workload-files";
import type { FileProblem } from "./file-problem.ts";
import type { CommitReading, FileReading } from "./read-commit.ts";
import { isLongPath, type TreeFile } from "./tree-file.ts";

/** A path and what it gave that nobody gives any more. */
export interface Loss {
  readonly path: string;
  readonly names: readonly string[];
}

/** What is around a path that is gone, in the new commit. */
export interface Surroundings {
  /** Files that nobody reads, and that the commit before did not have. */
  readonly unread: readonly TreeFile[];
  /** What was looked at of those, by the id of their content. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
  /** Paths that a .gitignore hides, and that the .gitignore before did not. */
  readonly ignored: ReadonlySet<string>;
}

const STEM_PARTS = 10;
/** Beside a workload file there may be words and pictures of it. */
const NO_TEXT_OF_ITS_OWN = /\.(md|markdown|txt|rst|adoc|html?|pdf|png|jpe?g|svg|gif|sh|py)$/i;

/** `consents` are `<namespace>/<name>`: those may go, whatever became of their file. */
export function lossesOf(before: CommitReading, after: CommitReading, consents: ReadonlySet<string>): Loss[] {
  const given = new Set([...after.files.values()].flatMap(({ deployments }) => deployments.map(({ uid }) => uid)));
  return [...before.files].flatMap(([path, { deployments }]) => {
    const lost = deployments.filter(({ uid, namespace, name }) => !given.has(uid) && !consents.has(`${namespace}/${name}`));
    return lost.length === 0 ? [] : [{ path, names: lost.map(({ name }) => name) }];
  });
}

/** Losses whose file is not there: what is around it must be known. */
export function absent(losses: readonly Loss[], after: CommitReading): Loss[] {
  return losses.filter(({ path }) => !after.files.has(path));
}

/** What may be an absent file under another name. */
export function newlyUnread(before: CommitReading, after: CommitReading): TreeFile[] {
  const [was, is] = changedParts(before.entries, after.entries);
  const stood = new Map(was.map(({ path, oid }) => [path, oid]));
  const isRead = (path: string): boolean => {
    const file = after.files.get(path);
    return file !== undefined && file.deployments.length + file.others.length > 0;
  };
  return is.filter(({ path, oid }) => stood.get(path) !== oid && !isRead(path));
}

/** Both without what they begin and end with alike: mostly nearly all of 100,000 entries. */
function changedParts(before: readonly TreeFile[], after: readonly TreeFile[]): [before: readonly TreeFile[], after: readonly TreeFile[]] {
  const same = (was: TreeFile | undefined, is: TreeFile | undefined): boolean => was?.path === is?.path && was?.oid === is?.oid;
  const shorter = Math.min(before.length, after.length);
  let from = 0;
  while (from < shorter && same(before[from], after[from])) from += 1;
  let end = 0;
  while (end < shorter - from && same(before[before.length - 1 - end], after[after.length - 1 - end])) end += 1;
  return [before.slice(from, before.length - end), after.slice(from, after.length - end)];
}

/** Why this commit is not followed; empty: what is missing in it was taken out. */
export function refusals(input: {
  before: CommitReading;
  after: CommitReading;
  losses: readonly Loss[];
  around: Surroundings;
}): FileProblem[] {
  const { before, after, losses, around } = input;
  if (losses.length === 0) return [];
  const paths = new Set(losses.map(({ path }) => path));
  const oids = new Map(before.entries.flatMap(({ path, oid }) => (paths.has(path) ? [[path, oid]] : [])));
  const leading = new Set(losses.flatMap(({ path }) => foldersAbove(path)));
  const inPlace = new Map(after.entries.flatMap((entry) => (leading.has(entry.path) ? [[entry.path, entry]] : [])));
  const folders = foldersAmong(paths, after.entries);
  const twins = twinsIn(around);
  return losses.flatMap((loss) => {
    const file = after.files.get(loss.path);
    if (file !== undefined) return standing(loss, file);
    const above = foldersAbove(loss.path).flatMap((folder) => inPlace.get(folder) ?? []);
    const twin = twins(loss, oids.get(loss.path) ?? "");
    const leftOutBy = after.ignored?.get(loss.path) ?? null;
    return goneFile(loss, { above: above[0], twin, isFolder: folders.has(loss.path), isIgnored: around.ignored.has(loss.path), leftOutBy });
  });
}

/** The file is there. */
function standing({ path, names }: Loss, file: FileReading): FileProblem[] {
  const remove = `delete the file to remove ${listed(names)}`;
  if (file.problems.length > 0) {
    return file.problems.map((problem) => (problem.whole === true ? { ...problem, message: `${problem.message}; ${remove}` } : problem));
  }
  if (file.deployments.length > 0) return [];
  const holds = file.isEmpty
    ? "holds no document, it is empty or has only comments"
    : `holds no Deployment of ours, but ${kindsOf(file.others)}`;
  return [{ file: path, message: `${holds}; ${remove}, or put the Deployment back` }];
}

interface Around {
  /** What stands in the place of a folder that leads to it. */
  readonly above: TreeFile | undefined;
  readonly twin: TreeFile | undefined;
  readonly isFolder: boolean;
  /** By git, so that it is not there. */
  readonly isIgnored: boolean;
  /** It is there, and this line says that it is somebody else's. */
  readonly leftOutBy: string | null;
}

function goneFile({ path, names }: Loss, { above, twin, isFolder, isIgnored, leftOutBy }: Around): FileProblem[] {
  const remove = `to remove ${listed(names)}`;
  if (leftOutBy !== null)
    return [{ file: path, message: `is left out by ${leftOutBy} now: take that line out, or delete the file ${remove}` }];
  if (above !== undefined) {
    const kind = { link: "a symbolic link", submodule: "a submodule", file: "a file" }[above.kind];
    const how = `is ${kind} in the place of the folder of ${path}`;
    return [{ file: above.path, message: `${how}; delete it ${remove}, or put the folder itself back` }];
  }
  if (isFolder) return [{ file: path, message: `is a folder now; delete it ${remove}, or put the file back` }];
  if (twin !== undefined) {
    const how = `is ${path} under another name, and is not read under this one`;
    return [{ file: twin.path, message: `${how}; rename it to ${path}, or delete it ${remove}` }];
  }
  if (!isIgnored) return [];
  const cure = `take it out of .gitignore and add the file again; ${remove}, delete it in a commit that leaves .gitignore alone`;
  return [{ file: path, message: `is hidden by a .gitignore now, so git carries it no more: ${cure}` }];
}

/**
 * Finds what may be a file that is gone: the same content, the same name but for suffix and case,
 * or a text that has its name.
 */
function twinsIn({ unread, contents }: Surroundings): (loss: Loss, oid: string) => TreeFile | undefined {
  const byOid = new Map(unread.map((entry) => [entry.oid, entry]));
  const byStem = new Map(unread.flatMap((entry) => stemsOf(entry.path).map((stem): [string, TreeFile] => [stem, entry])));
  const byName = new Map(unread.flatMap((entry) => namesIn(contents.get(entry.oid)).map((name): [string, TreeFile] => [name, entry])));
  return ({ path, names }, oid) => {
    const stem = path.replace(/\.ya?ml$/, "").toLowerCase();
    return byOid.get(oid) ?? byStem.get(stem) ?? names.flatMap((name) => byName.get(name) ?? [])[0];
  };
}

/** What a text calls anything in it, if it looks like a Deployment. */
function namesIn(content: Uint8Array | undefined): string[] {
  if (content === undefined || !looksLikeDeployment(content)) return [];
  // The letters of UTF-16 stay.
  const text = new TextDecoder().decode(content).replaceAll("\0", "");
  return [...text.matchAll(/\bname["']?\s*:\s*["']?([-a-z0-9]+)/g)].flatMap(([, name]) => name ?? []);
}

/**
 * The stem, in small letters: `hello.YAML`, `.hello.yaml`, `hello.yaml.off` and `hello` all have
 * that of `hello.yaml`.
 */
function stemsOf(path: string): string[] {
  const at = path.lastIndexOf("/") + 1;
  const [folder, name] = [
    path.slice(0, at).toLowerCase(),
    path
      .slice(at)
      .toLowerCase()
      .replace(/^[._~#]+/, ""),
  ];
  if (isLongPath(path) || NO_TEXT_OF_ITS_OWN.test(name)) return [];
  const parts = name.split(".").slice(0, STEM_PARTS);
  return parts.map((_, index) => `${folder}${parts.slice(0, index + 1).join(".")}`);
}

function foldersAbove(path: string): string[] {
  const end = path.lastIndexOf("/");
  return end < 0 ? [] : [...foldersAbove(path.slice(0, end)), path.slice(0, end)];
}

/**
 * Those of the paths that lead to an entry. A commit may have some 100,000 entries in folders 64
 * deep, so only parts of a length that one of the paths has are cut out.
 */
function foldersAmong(paths: ReadonlySet<string>, entries: readonly TreeFile[]): Set<string> {
  const lengths = new Set([...paths].map(({ length }) => length));
  const longest = Math.max(0, ...lengths);
  const found = new Set<string>();
  for (const { path } of entries) {
    for (let at = path.indexOf("/"); at >= 0 && at <= longest; at = path.indexOf("/", at + 1)) {
      const folder = lengths.has(at) ? path.slice(0, at) : "";
      if (paths.has(folder)) found.add(folder);
    }
  }
  return found;
}

function kindsOf(others: readonly string[]): string {
  const named = others.map((kind) => (kind === "" ? "something without a kind" : JSON.stringify(kind)));
  return listed([...new Set(named)]);
}

function listed(names: readonly string[]): string {
  const shown = names.length > 5 ? [...names.slice(0, 4), `${names.length - 4} more`] : names;
  return shown.length > 1 ? `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}` : shown.join("");
}
