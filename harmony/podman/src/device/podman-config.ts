// Looks whether the files that Podman reads its configuration from have changed: registries, trust,
// certificates, its own settings. Podman's service reads most of them once, when it starts.

import { readdir, stat } from "node:fs/promises";
import { uptime } from "node:os";
import { join } from "node:path";

export interface PodmanConfig {
  /** It is another text whenever a file has changed, come or gone. */
  readonly print: string;
  /** No file has changed since the boot, so that any service has read what is there now. */
  readonly isOfBoot: boolean;
}

/** The system's own authorities, which Go reads once in a process. */
const AUTHORITIES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
/** Names in a folder of a folder: certs.d/<registry>/ca.crt. */
const DEPTH = 3;
/** More is no configuration that a person has written. */
const MOST_FILES = 512;

/** `folders`: as Podman's user has them; `root`: the place of the device's file system. */
export async function lookAtPodmanConfig(folders: readonly string[], root = ""): Promise<PodmanConfig> {
  const found: { path: string; changedMs: number; text: string }[] = [];
  const look = async (path: string, depth: number): Promise<void> => {
    const fact = await stat(`${root}${path}`).catch(() => null);
    if (fact === null || found.length >= MOST_FILES) return;
    found.push({ path, changedMs: fact.ctimeMs, text: `${path} ${fact.ino} ${fact.size} ${fact.ctimeMs}` });
    if (!fact.isDirectory() || depth === 0) return;
    const names: string[] = await readdir(`${root}${path}`).catch(() => []);
    for (const name of names.toSorted()) await look(join(path, name), depth - 1);
  };
  for (const path of [...folders, ...AUTHORITIES]) await look(path, DEPTH);
  const bootMs = Date.now() - uptime() * 1_000;
  return { print: found.map(({ text }) => text).join("\n"), isOfBoot: found.every(({ changedMs }) => changedMs < bootMs) };
}
