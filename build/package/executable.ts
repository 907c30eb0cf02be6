// Builds the agent as one executable: bundled by esbuild, put into Node as a single executable
// application with a code cache. The same sources give the same bytes. For a foreign target its own
// Node, run by qemu, makes the code cache.

import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "@iot/testkit";
import { build } from "esbuild";
import { nodeProgram, REPOSITORY } from "./node-program.ts";
import { binutil, type BuildTarget } from "./target.ts";
import type { Version } from "./version.ts";

/**
 * The flags with which the agent needs least (docs/bench.md). Node refuses a code cache unless it
 * was made under the same flags.
 */
export const AGENT_FLAGS = [
  "--max-old-space-size=64",
  "--max-semi-space-size=1",
  "--v8-pool-size=1",
  "--single-threaded",
  "--lite-mode",
  "--optimize-for-size",
  "--max-lazy",
  // Each collection (collect-garbage.ts) drops the bytecode of functions that have not run since
  // the one before, and closes the gaps that this leaves.
  "--flush-bytecode",
  "--bytecode-old-age=1",
  "--compact-on-every-full-gc",
] as const;

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
  readonly target: BuildTarget;
  /** The version that it reports. */
  readonly version: Version;
  /** The path of the file to make. */
  readonly path: string;
}): Promise<Executable> {
  const { target, version, path } = options;
  const node = await nodeProgram(target);
  // The blob holds the script's path. It is relative, so it is always the same.
  const folder = await mkdtemp(join(tmpdir(), "iot-agent-build-"));
  try {
    const packages = await bundle(version, join(folder, "iot-agent.cjs"));
    const config = {
      main: "iot-agent.cjs",
      output: "blob",
      disableExperimentalSEAWarning: true,
      useCodeCache: true,
      execArgv: AGENT_FLAGS,
      execArgvExtension: "none",
    };
    await writeFile(join(folder, "sea.json"), JSON.stringify(config));
    // Two code caches of one source differ unless the seed is set. Node does not check the seed of
    // a cache.
    await run([...node.argv, ...AGENT_FLAGS, "--random-seed=1", "--experimental-sea-config", "sea.json"], { cwd: folder });
    const program = join(folder, "program");
    await copyFile(node.path, program);
    await run([process.execPath, POSTJECT, program, "NODE_SEA_BLOB", join(folder, "blob"), "--sentinel-fuse", FUSE]);
    await assertMappable(target, program);
    await run(["install", "-m", "0755", program, path]);
    return { nodeVersion: node.version, packages };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * A kernel for arm64 may have pages of 16 or 64 KiB: each segment must lie in them in the file as
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

async function bundle(version: Version, outfile: string): Promise<readonly string[]> {
  const { metafile } = await build({
    entryPoints: ["iot/iot-agent/src/main.ts"],
    absWorkingDir: REPOSITORY,
    bundle: true,
    platform: "node",
    target: "node24",
    // A single executable application can start only this format.
    format: "cjs",
    define: { BUILT_VERSION: JSON.stringify(version.debian) },
    alias: { "node:tls": "./iot/iot-agent/src/lazy-tls.ts", "@nats-io/nkeys": "./iot/iot-agent/src/without-nkeys.ts" },
    // V8 keeps the source in memory.
    minify: true,
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
    outfile,
  });
  const used = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs));
  const folders = used.flatMap(([file, { bytesInOutput }]) =>
    bytesInOutput > 0 ? (/^(.*node_modules\/(@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []) : [],
  );
  return [...new Set(folders)].toSorted();
}
