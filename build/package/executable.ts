// Builds a program as one executable: bundled by esbuild, put into Node as a single executable
// application with a code cache. The same sources give the same bytes. For a foreign target its own
// Node, run by qemu, makes the code cache.

import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "@iot/testkit";
import { bundle } from "./bundle.ts";
import { nodeProgram } from "./node-program.ts";
import { AGENT, type ShippedProgram } from "./program.ts";
import { binutil, type BuildTarget } from "./target.ts";
import type { Version } from "./version.ts";

/** Node's own marker, by which it knows that something was put into it. */
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

/**
 * postject runs as a program, because what it prints on stderr about section names is of no use to
 * anyone.
 */
const POSTJECT = fileURLToPath(import.meta.resolve("postject/dist/cli.js"));

export interface Executable {
  readonly nodeVersion: string;
  /** The folders, relative to the repository, of the npm packages whose code is in it. */
  readonly packages: readonly string[];
}

export async function buildExecutable(options: {
  /** The agent unless it is said. */
  readonly program?: ShippedProgram;
  readonly target: BuildTarget;
  /** The version that it reports. */
  readonly version: Version;
  /** The path of the file to make. */
  readonly path: string;
}): Promise<Executable> {
  const { program = AGENT, target, version, path } = options;
  const node = await nodeProgram(target);
  // The blob holds the script's path. It is relative, so it is always the same.
  const folder = await mkdtemp(join(tmpdir(), `${program.name}-build-`));
  try {
    const script = `${program.name}.cjs`;
    const packages = await bundle({ program, version, format: "cjs", outfile: join(folder, script) });
    const config = {
      main: script,
      output: "blob",
      disableExperimentalSEAWarning: true,
      useCodeCache: true,
      execArgv: program.flags,
      execArgvExtension: "none",
    };
    await writeFile(join(folder, "sea.json"), JSON.stringify(config));
    // Two code caches of one source differ unless the seed is set. Node does not check the seed of
    // a cache.
    await run([...node.argv, ...program.flags, "--random-seed=1", "--experimental-sea-config", "sea.json"], { cwd: folder });
    const executable = join(folder, "executable");
    await copyFile(node.path, executable);
    await run([process.execPath, POSTJECT, executable, "NODE_SEA_BLOB", join(folder, "blob"), "--sentinel-fuse", FUSE]);
    await assertMappable(target, executable);
    await run(["install", "-m", "0755", executable, path]);
    return { nodeVersion: node.version, packages };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * A kernel for arm64 may have pages of 16 or 64 KiB: each segment must fit into them in the file as
 * it does in memory.
 */
async function assertMappable(target: BuildTarget, program: string): Promise<void> {
  if (target.node !== "arm64") return;
  const { stdout } = await run([binutil(target, "readelf"), "--program-headers", "--wide", program]);
  const segments = [...stdout.matchAll(/^ +LOAD +0x([\da-f]+) 0x([\da-f]+) /gm)];
  const odd = segments.find(
    ([, offset = "", address = ""]) => (Number.parseInt(address, 16) - Number.parseInt(offset, 16)) % 0x1_0000 !== 0,
  );
  if (segments.length < 3 || odd !== undefined)
    throw new Error(
      `the executable for arm64 cannot be mapped where pages have 16 KiB: ${odd?.[0] ?? "the blob has no segment of its own"}`,
    );
}
