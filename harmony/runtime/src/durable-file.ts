// A file that has to outlive a power cut: written beside its place, fsynced, renamed into it, and
// the folder fsynced, so that it is there whole, as the old or the new. A file that cannot be
// parsed is kept under another name for a person who wants to know, and is never fatal.

import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { formatIssues, type Parsed } from "@harmony/core";

/** The caller orders overlapping writes of one path. @throws the file system's error. */
export async function writeFileDurably(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${path}.new`;
  const file = await open(temporary, "w", mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncFolder(folder);
}

/** Returns when files made, renamed or removed in the folder stay so after a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export type DurableRead<T> =
  | { readonly kind: "found"; readonly value: T }
  | { readonly kind: "absent" }
  /** The file system does not give the file; it stays where it is. */
  | { readonly kind: "unreadable"; readonly error: unknown }
  /** The bytes are not what they should be. The file is kept aside, and is absent from here on. */
  | { readonly kind: "corrupt"; readonly why: string; readonly keptAs: string };

export async function readDurably<T>(path: string, parse: (bytes: Uint8Array) => Parsed<T>): Promise<DurableRead<T>> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code === "ENOENT") return { kind: "absent" };
    // The disk has lost what was written there: another read gives no more.
    if (code === "EIO") return { kind: "corrupt", why: "the disk cannot read it", keptAs: await keepAside(path, "corrupt") };
    return { kind: "unreadable", error };
  }
  const parsed = parse(bytes);
  if (parsed.ok) return { kind: "found", value: parsed.value };
  return { kind: "corrupt", why: formatIssues(parsed.issues), keptAs: await keepAside(path, "corrupt") };
}

/** Gives the name under which the file is kept. */
export async function keepAside(path: string, suffix: string): Promise<string> {
  const aside = `${path}.${suffix}`;
  await rename(path, aside).catch(() => undefined);
  return aside;
}
