// What a repository is called in every manifest entry: by host, path, branch and folder, however
// its URL is written. The way to it (ssh or https, the user, a usual port, `.git`) may change and
// it is the same source. Pure.

import type { GitConfig } from "../../config/config.ts";

export interface GitSourceId {
  /**
   * `git:github.com/acme/workloads#main:site-a`: readable, and different for each branch and
   * folder.
   */
  readonly id: string;
  /** Under which earlier versions wrote entries of this same repository. */
  readonly formerIds: readonly string[];
}

const USUAL_PORTS: Readonly<Record<string, string>> = { "ssh:": "22", "http:": "80", "https:": "443" };

export function gitSourceId({ url, branch, path }: Pick<GitConfig, "url" | "branch" | "path">): GitSourceId {
  const within = `#${branch}${path === "" ? "" : `:${path}`}`;
  const { host, folder } = placeOf(url);
  const id = `git:${host === "" ? `/${folder}` : `${host}/${folder}`}${within}`;
  const short = host === "" ? [] : [`git:${host}:${folder}${within}`];
  return { id, formerIds: [...new Set([`git:${formerPlaceOf(url)}${within}`, ...short])].filter((former) => former !== id) };
}

/** `host` is empty for a folder of this machine. */
function placeOf(url: string): { host: string; folder: string } {
  const [, shortHost, shortPath] = /^(?:[^/@]*@)?([^/:]+):(?!\/\/)(.*)$/.exec(url) ?? [];
  if (shortHost !== undefined && shortPath !== undefined) return { host: shortHost.toLowerCase(), folder: plainPath(shortPath) };
  const parsed = URL.parse(url);
  if (parsed === null) return { host: "", folder: plainPath(url) };
  const { protocol, hostname, port, pathname } = parsed;
  if (protocol === "file:") return { host: "", folder: plainPath(decoded(pathname)) };
  const name = hostname.toLowerCase();
  return { host: port === "" || port === USUAL_PORTS[protocol] ? name : `${name}:${port}`, folder: plainPath(decoded(pathname)) };
}

function plainPath(path: string): string {
  return path
    .split("/")
    .filter((part) => part !== "")
    .join("/")
    .replace(/\.git$/, "");
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** The id as v0.1.0 had it: by its letters. */
function formerPlaceOf(url: string): string {
  return url
    .replace(/^[a-z]+:\/\//, "")
    .replace(/^[^/@]*@/, "")
    .replace(/\.git$/, "");
}
