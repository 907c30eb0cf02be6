// Puts a file at its place below a folder, with modes that do not depend on the builder's umask.

import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { gzipSync } from "node:zlib";

export async function putText(path: string, mode: number, text: string, { isDebian }: { readonly isDebian: boolean }): Promise<void> {
  if (isDebian && path.includes("/usr/share/man/")) await put(`${path}.gz`, mode, (at) => writeFile(at, compressed(text)));
  else await put(path, mode, (at) => writeFile(at, text));
}

/** gzip without a time in it. */
export function compressed(text: string): Buffer {
  return gzipSync(text, { level: 9 });
}

export async function put(path: string, mode: number | undefined, write: (path: string) => Promise<void>): Promise<void> {
  await makeFolder(dirname(path));
  await rm(path, { force: true });
  await write(path);
  if (mode !== undefined) await chmod(path, mode);
}

/** Sets the modes explicitly, so that the builder's umask has no effect. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let at = path; at.length >= first.length; at = dirname(at)) await chmod(at, 0o755);
}
