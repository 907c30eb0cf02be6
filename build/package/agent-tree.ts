// Makes the files of a device's agent, in a folder as they lie on the device: the content of
// iot/iot-agent/package/root, and the executable. One source gives two layouts: that of the Debian
// package, and that of a device without it, below /usr/local and /etc.

import { chmod, cp, mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { REPOSITORY } from "./node-program.ts";

export const PACKAGE_SOURCES = join(REPOSITORY, "iot/iot-agent/package");

/** Makes root the owner of the configuration's folder. Provisioning uses the same text. */
const TAKE_OVER = join(REPOSITORY, "harmony/host/take-over.sh");

/** Makes the user and the folders, and starts the agent: `postinst configure`. */
export const AGENT_SETUP = join(PACKAGE_SOURCES, "debian/postinst");

export interface Layout {
  /** Maps the first path to the second, for all below it; the longest match counts. */
  readonly moved: Readonly<Record<string, string>>;
  /** Whether manual pages are compressed, and there are overrides for lintian. */
  readonly isDebian: boolean;
}

export const DEBIAN_LAYOUT: Layout = { moved: {}, isDebian: true };

export const LOCAL_LAYOUT: Layout = {
  moved: {
    "usr/bin": "usr/local/bin",
    "usr/lib/iot-agent": "usr/local/lib/iot-agent",
    "usr/lib/motd.d": "etc/motd.d",
    "usr/lib/systemd": "etc/systemd",
    "usr/lib/tmpfiles.d": "etc/tmpfiles.d",
    "usr/share": "usr/local/share",
  },
  isDebian: false,
};

/**
 * The program that runs once the files are there, as dpkg runs `setup configure`. It exists only in
 * the local layout.
 */
export const LOCAL_SETUP = "usr/local/lib/iot-agent/setup";

export async function agentTree(options: { readonly into: string; readonly executable: string; readonly layout: Layout }): Promise<void> {
  const { into, executable, layout } = options;
  const place = (path: string): string => join(into, placeOf(path, layout));
  const sources = join(PACKAGE_SOURCES, "root");
  await put(place("usr/bin/iot-agent"), 0o755, (path) => cp(executable, path));
  for (const entry of await readdir(sources, { recursive: true, withFileTypes: true })) {
    const source = join(entry.parentPath, entry.name);
    const path = source.slice(sources.length + 1);
    if (entry.isDirectory() || (!layout.isDebian && path.startsWith("usr/share/lintian/"))) continue;
    if (entry.isSymbolicLink()) await put(place(path), undefined, async (at) => symlink(await readlink(source), at));
    else await putText(place(path), isProgram(path) ? 0o755 : 0o644, await textOf(source, layout), layout);
  }
  await put(place("usr/lib/iot-agent/take-over"), 0o755, (path) => cp(TAKE_OVER, path));
  if (!layout.isDebian) await putText(join(into, LOCAL_SETUP), 0o755, await textOf(AGENT_SETUP, layout), layout);
}

function isProgram(path: string): boolean {
  return path.startsWith("usr/lib/iot-agent/");
}

function placeOf(path: string, { moved }: Layout): string {
  const from = Object.keys(moved).find((prefix) => path.startsWith(`${prefix}/`));
  return from === undefined ? path : `${moved[from]}${path.slice(from.length)}`;
}

/** The text, with the paths of our own files as they are in that layout. */
async function textOf(source: string, layout: Layout): Promise<string> {
  const text = await readFile(source, "utf8");
  return text.replaceAll(
    /\/(usr\/(?:bin|lib|share\/doc)\/iot-agent)(?![\w.])/g,
    (_, path: string) => `/${placeOf(`${path}/`, layout).replace(/\/$/, "")}`,
  );
}

async function putText(path: string, mode: number, text: string, { isDebian }: Layout): Promise<void> {
  if (isDebian && path.includes("/usr/share/man/")) await put(`${path}.gz`, mode, (at) => writeFile(at, compressed(text)));
  else await put(path, mode, (at) => writeFile(at, text));
}

/** gzip without a time in it. */
export function compressed(text: string): Buffer {
  return gzipSync(text, { level: 9 });
}

async function put(path: string, mode: number | undefined, write: (path: string) => Promise<void>): Promise<void> {
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
