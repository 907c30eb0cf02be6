// Which files a person means: a file is itself, a folder is what the git source would read of it
// (`*.yaml`, `*.yml`), with the kustomizations; nothing whose name begins with a dot. What looks as
// if it were read and is not is reported: a link, a submodule, a file that git ignores, another
// suffix. Links are not followed, as the git source does not.

import { lstat, open, readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, normalize } from "node:path";
import { UserError } from "@harmony/runtime";
import { isNearlyWorkloadFileName, isWorkloadFileName, looksLikeDeployment, type WorkloadFile } from "@iot/workload-files";
import type { UnreadFile } from "./finding.ts";
import { isKustomization } from "./kustomize-warnings.ts";
import { LeftOut } from "./left-out.ts";
import { notCarriedByGit, submodulesIn } from "./work-tree.ts";
import { whyNotRead } from "../command-line/why-not-read.ts";

export interface FoundFiles {
  readonly files: readonly WorkloadFile[];
  readonly unread: readonly UnreadFile[];
  /** Those of the paths that are folders. */
  readonly folders: readonly string[];
}

const LINK = "is a symbolic link, which the operator does not follow: put the file itself here";
const FOLDER_LINK = "is a symbolic link to a folder, which the operator does not follow: put the files themselves here";
const SUBMODULE = "is a submodule or a repository of its own, whose files the operator does not read: put the files themselves here";
const SNIFFED_BYTES = 64 * 1024;

/** @throws UserError naming a path that cannot be read. */
export async function findFiles(paths: readonly string[]): Promise<FoundFiles> {
  const files = new Set<string>();
  const unread = new Map<string, string>();
  const folders: string[] = [];
  for (const path of paths.map(normalize)) {
    const isFolder = (await attempt(path, stat(path))).isDirectory();
    if (isFolder) folders.push(path.replace(/(?<=.)\/$/, ""));
    const leftOut = new LeftOut(isFolder ? path : dirname(path));
    const found = isFolder ? await filesIn(path, { submodules: new Set(submodulesIn(path)), leftOut }) : await oneFile(path, leftOut);
    for (const file of found.files) files.add(file);
    for (const each of found.unread) unread.set(each.path, each.message);
    for (const each of leftOut.problems) unread.set(each.path, each.message);
    for (const each of notCarriedByGit(isFolder ? path : dirname(path), found.files)) unread.set(each.path, each.message);
  }
  return {
    files: await Promise.all([...files].toSorted().map(async (path) => ({ path, content: await attempt(path, readFile(path)) }))),
    unread: [...unread].map(([path, message]) => ({ path, message })),
    folders,
  };
}

interface Found {
  readonly files: readonly string[];
  readonly unread: readonly UnreadFile[];
}

/** The file was named: it is looked at whatever its name is. */
async function oneFile(path: string, leftOut: LeftOut): Promise<Found> {
  const by = leftOut.by(path);
  if (by !== null)
    return { files: [path], unread: [{ path, message: `is left out by ${by}, so the operator does not read it: take that line out` }] };
  if ((await lstat(path)).isSymbolicLink() && isWorkloadFileName(path)) return { files: [], unread: [{ path, message: LINK }] };
  const isRead = isWorkloadFileName(path) || isKustomization(path);
  return { files: [path], unread: isRead ? [] : [{ path, message: misnamed(path) }] };
}

interface Walk {
  readonly submodules: ReadonlySet<string>;
  readonly leftOut: LeftOut;
}

async function filesIn(folder: string, walk: Walk): Promise<Found> {
  const { submodules, leftOut } = walk;
  const entries = await attempt(folder, readdir(folder, { withFileTypes: true }));
  const nested = entries.map(async (entry): Promise<Found> => {
    const path = join(folder, entry.name);
    if (entry.name.startsWith(".") || entry.name === "node_modules") return { files: [], unread: [] };
    if (leftOut.by(path, entry.isDirectory()) !== null) return { files: [], unread: [] };
    const say = (message: string | null): Found => ({ files: [], unread: message === null ? [] : [{ path, message }] });
    if (entry.isSymbolicLink()) return say(await linkMessage(path));
    if (entry.isDirectory()) return submodules.has(path) || (await isRepository(path)) ? say(SUBMODULE) : filesIn(path, walk);
    if (!entry.isFile()) return say(null);
    if (isWorkloadFileName(entry.name) || isKustomization(entry.name)) return { files: [path], unread: [] };
    return say(isNearlyWorkloadFileName(entry.name) || (await beginsLikeDeployment(path)) ? misnamed(path) : null);
  });
  const found = await Promise.all(nested);
  return { files: found.flatMap(({ files }) => files), unread: found.flatMap(({ unread }) => unread) };
}

async function linkMessage(path: string): Promise<string | null> {
  if (isWorkloadFileName(path) || isNearlyWorkloadFileName(path) || isKustomization(path)) return LINK;
  const leadsTo = await stat(path).catch(() => null);
  return leadsTo?.isDirectory() === true ? FOLDER_LINK : null;
}

async function isRepository(folder: string): Promise<boolean> {
  return (await lstat(join(folder, ".git")).catch(() => null)) !== null;
}

async function beginsLikeDeployment(path: string): Promise<boolean> {
  const file = await attempt(path, open(path));
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(SNIFFED_BYTES), 0, SNIFFED_BYTES, 0);
    return looksLikeDeployment(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

function misnamed(path: string): string {
  const name = basename(path).replace(/\.(ya?ml)$/i, (suffix) => suffix.toLowerCase());
  const stem = name.replace(/(?<=.)\.[^.]*$/, "");
  const proper = [name, stem].find(isWorkloadFileName) ?? `${stem}.yaml`;
  return `is not read by the operator, for its name does not end in .yaml or .yml in small letters: name it ${proper}`;
}

async function attempt<Value>(path: string, deed: Promise<Value>): Promise<Value> {
  try {
    return await deed;
  } catch (cause) {
    throw new UserError(`cannot read ${path}: ${whyNotRead(cause)}`, 1, { cause });
  }
}
