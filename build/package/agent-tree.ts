// Makes the files of a device's agent, in a folder as they lie on the device: the content of
// iot/iot-agent/package/root, and the executable. One source gives two layouts: that of the Debian
// package, and that of a device without it, below /usr/local and /etc.

import { cp, readdir, readFile, readlink, symlink } from "node:fs/promises";
import { join } from "node:path";
import { REPOSITORY } from "./node-program.ts";
import { AGENT } from "./program.ts";
import { put, putText } from "./put-file.ts";

/** Makes root the owner of the configuration's folder. Provisioning uses the same text. */
const TAKE_OVER = join(REPOSITORY, "harmony/host/take-over.sh");

/** Makes the user and the folders, and starts the agent: `postinst configure`. */
export const AGENT_SETUP = join(AGENT.sources, "debian/postinst");

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
  const sources = join(AGENT.sources, "root");
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
