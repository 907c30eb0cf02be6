// Whether a commit that no longer gives a Deployment says that it shall go. It does when the file is gone, or the document is gone from
// a file that still gives others. It does not when the file is still there in a form that gives nothing: a Git LFS pointer, an empty
// file, another suffix, a submodule in the place of its folder. Then the commit is refused, and what was followed stays. Pure.

import { FILE_LIMIT_BYTES, looksLikeDeployment } from "@iot/workload-files";
import type { CommitReading, FileProblem } from "./read-commit.ts";
import type { TreeFile } from "./tree-file.ts";

/** A path and what it gave that nobody gives any more. */
export interface Loss {
  readonly path: string;
  readonly names: readonly string[];
}

/** What is around a path that is gone, in the new commit. */
export interface Surroundings {
  /** Files that nobody reads, and that the commit before did not have. */
  readonly unread: readonly { readonly entry: TreeFile; readonly content: Uint8Array | null }[];
  /** Paths that a .gitignore hides, and that the .gitignore before did not. */
  readonly ignored: ReadonlySet<string>;
}

const UNREAD_LIMIT = 500;
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
  const stood = new Set(before.entries.map(({ path, oid }) => `${oid} ${path}`));
  const isRead = (path: string): boolean => {
    const file = after.files.get(path);
    return file !== undefined && file.deployments.length + file.others.length > 0;
  };
  return after.entries.filter(({ path, oid }) => !isRead(path) && !stood.has(`${oid} ${path}`)).slice(0, UNREAD_LIMIT);
}

/** Why this commit is not followed; empty: what is missing in it was taken out. */
export function refusals(input: {
  before: CommitReading;
  after: CommitReading;
  losses: readonly Loss[];
  around: Surroundings;
}): FileProblem[] {
  const { before, after, losses, around } = input;
  const oids = new Map(before.entries.map(({ path, oid }) => [path, oid]));
  return losses.flatMap((loss) => refusalOf(loss, { after, around, oid: oids.get(loss.path) ?? "" }));
}

function refusalOf(loss: Loss, at: { after: CommitReading; around: Surroundings; oid: string }): FileProblem[] {
  const { path, names } = loss;
  const { after, around } = at;
  const remove = `to remove ${listed(names)}`;
  const file = after.files.get(path);
  if (file !== undefined && file.problems.length > 0) {
    return file.problems.map((problem) =>
      problem.whole === true ? { ...problem, message: `${problem.message}; delete the file ${remove}` } : problem,
    );
  }
  if (file !== undefined) {
    if (file.deployments.length > 0) return [];
    const holds = file.isEmpty
      ? "holds no document, it is empty or has only comments"
      : `holds no Deployment of ours, but ${kindsOf(file.others)}`;
    return [{ file: path, message: `${holds}; delete the file ${remove}, or put the Deployment back` }];
  }
  const above = after.entries.find((entry) => path.startsWith(`${entry.path}/`));
  if (above !== undefined) {
    const kind = { link: "a symbolic link", submodule: "a submodule", file: "a file" }[above.kind];
    return [
      { file: above.path, message: `is ${kind} in the place of the folder of ${path}; delete it ${remove}, or put the folder itself back` },
    ];
  }
  if (after.entries.some((entry) => entry.path.startsWith(`${path}/`))) {
    return [{ file: path, message: `is a folder now; delete it ${remove}, or put the file back` }];
  }
  const twin = around.unread.find((unread) => isTwin(loss, unread, at.oid));
  if (twin !== undefined) {
    const how = `is ${path} under another name, and is not read under this one`;
    return [{ file: twin.entry.path, message: `${how}; rename it to ${path}, or delete it ${remove}` }];
  }
  if (!around.ignored.has(path)) return [];
  const cure = `take it out of .gitignore and add the file again; ${remove}, delete it in a commit that leaves .gitignore alone`;
  return [{ file: path, message: `is hidden by a .gitignore now, so git carries it no more: ${cure}` }];
}

function isTwin({ path, names }: Loss, { entry, content }: Surroundings["unread"][number], oid: string): boolean {
  if (entry.oid === oid) return true;
  const [folder, stem] = split(path.replace(/\.ya?ml$/, ""));
  const [itsFolder, itsName] = split(entry.path);
  const plain = itsName.replace(/^[._~#]+/, "");
  const sameStem = plain === stem || plain.startsWith(`${stem}.`);
  if (folder === itsFolder && sameStem && !NO_TEXT_OF_ITS_OWN.test(plain)) return true;
  if (content === null || content.byteLength > FILE_LIMIT_BYTES || !looksLikeDeployment(content)) return false;
  const text = new TextDecoder().decode(content);
  return names.some((name) => new RegExp(`name["']?\\s*:\\s*["']?${name}(?![-a-z0-9])`).test(text));
}

/** In small letters. */
function split(path: string): [folder: string, name: string] {
  const at = path.lastIndexOf("/") + 1;
  return [path.slice(0, at).toLowerCase(), path.slice(at).toLowerCase()];
}

function kindsOf(others: readonly string[]): string {
  const named = others.map((kind) => (kind === "" ? "something without a kind" : JSON.stringify(kind)));
  return listed([...new Set(named)]);
}

function listed(names: readonly string[]): string {
  const shown = names.length > 5 ? [...names.slice(0, 4), `${names.length - 4} more`] : names;
  return shown.length > 1 ? `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}` : shown.join("");
}
