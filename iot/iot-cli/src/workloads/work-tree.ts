// What git says of a work tree: which folders are submodules, which files it ignores and so does
// not carry, and which it stores through a filter, so that what it carries is not what stands here.
// Where there is no git, or no repository around the folder, it says nothing.

import { spawnSync } from "node:child_process";
import { join, relative, resolve } from "node:path";
import type { UnreadFile } from "./finding.ts";

/** Pointers and encrypted text; another filter may leave a text that can be read. */
const STORES_ANOTHER_TEXT = /^(lfs|.*crypt.*|.*vault.*|sops.*|age.*|gpg.*)$/;

/** Paths begin as `folder` does. */
export function submodulesIn(folder: string): string[] {
  const listed = git(folder, ["ls-files", "-z", "--stage"]).split("\0");
  return listed.flatMap((line) => (line.startsWith("160000 ") ? [join(folder, line.slice(line.indexOf("\t") + 1))] : []));
}

/** The root of the repository around a folder; null: there is none. */
export function topOf(folder: string): string | null {
  return git(folder, ["rev-parse", "--show-toplevel"]).trimEnd() || null;
}

/** Gives those of these files below `folder` that a push does not carry as they stand here. */
export function notCarriedByGit(folder: string, paths: readonly string[]): UnreadFile[] {
  if (paths.length === 0) return [];
  const byName = new Map(paths.map((path) => [relative(resolve(folder), resolve(path)), path]));
  const names = [...byName.keys()].join("\0");
  const say = (name: string, message: string): UnreadFile[] => {
    const path = byName.get(name);
    return path === undefined ? [] : [{ path, message }];
  };
  // A file that is tracked is carried, whatever ignores it.
  const ignored = records(git(folder, ["check-ignore", "--verbose", "-z", "--stdin"], names), 4);
  const filtered = records(git(folder, ["check-attr", "-z", "--stdin", "filter"], names), 3);
  return [
    ...ignored.flatMap(([source = "", line = "", pattern = "", name = ""]) =>
      pattern.startsWith("!")
        ? []
        : say(name, `is ignored by git (${source}:${line}: ${pattern}), so a push does not carry it: take that line out`),
    ),
    ...filtered.flatMap(([name = "", , filter = ""]) =>
      STORES_ANOTHER_TEXT.test(filter)
        ? say(
            name,
            `is stored through the filter ${filter}, so the operator gets no text of it: take it out of .gitattributes and commit the file again`,
          )
        : [],
    ),
  ];
}

/** What git ends with a NUL each, in groups. */
function records(text: string, size: number): string[][] {
  const fields = text.split("\0");
  return Array.from({ length: Math.floor(fields.length / size) }, (_, index) => fields.slice(size * index, size * (index + 1)));
}

function git(folder: string, args: readonly string[], input = ""): string {
  const { stdout, error } = spawnSync("git", ["-C", folder, ...args], { input, encoding: "utf8", maxBuffer: 256 * 1024 * 1024 });
  return error === undefined ? stdout : "";
}
