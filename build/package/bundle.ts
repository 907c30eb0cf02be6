// One file of JavaScript for a program, by esbuild. What the sources read from beside themselves is
// put into it: a script for a device, and the thread that reads YAML.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type BuildOptions } from "esbuild";
import { REPOSITORY } from "./node-program.ts";
import type { ShippedProgram } from "./program.ts";
import type { Version } from "./version.ts";

/** Node 20 is what Debian 13 has; it lacks this one function that the sources use. */
const NODE_20 =
  "Promise.withResolvers ??= function () { const all = {}; all.promise = new this((resolve, reject) => Object.assign(all, { resolve, reject })); return all; };";
const REQUIRE = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

const COMMON = {
  absWorkingDir: REPOSITORY,
  bundle: true,
  platform: "node",
  // V8 keeps the source in memory.
  minify: true,
  legalComments: "none",
  logLevel: "warning",
  // Only the sources, run as they are, ask where they are.
  logOverride: { "empty-import-meta": "silent" },
} as const satisfies BuildOptions;

/**
 * Gives the folders, relative to the repository, of the npm packages whose code is in it. A single
 * executable application can start only `cjs`; `mjs` is a program for any Node from 20 on.
 */
export async function bundle(options: {
  readonly program: ShippedProgram;
  readonly version: Version;
  readonly format: "cjs" | "mjs";
  readonly outfile: string;
}): Promise<readonly string[]> {
  const { program, version, format, outfile } = options;
  const target = format === "cjs" ? "node24" : "node20";
  const { metafile } = await build({
    ...COMMON,
    entryPoints: [program.entry],
    target,
    ...(format === "cjs" ? { format } : { format: "esm", banner: { js: `${REQUIRE}${NODE_20}` } }),
    define: {
      BUILT_VERSION: JSON.stringify(version.debian),
      ...(program.name === "iot" ? await besides(target) : {}),
    },
    alias: program.alias,
    metafile: true,
    outfile,
  });
  const used = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs));
  const folders = used.flatMap(([file, { bytesInOutput }]) =>
    bytesInOutput > 0 ? (/^(.*node_modules\/(@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []) : [],
  );
  return [...new Set(folders)].toSorted();
}

/** By the names under which the sources look for it. */
async function besides(target: string): Promise<Readonly<Record<string, string>>> {
  const entryPoints = ["iot/workload-files/src/yaml-worker.ts"];
  const built = await build({ ...COMMON, entryPoints, target, format: "cjs", write: false });
  return {
    BUILT_YAML_WORKER: JSON.stringify(built.outputFiles.map(({ text }) => text).join("")),
    BUILT_TAKE_OVER: JSON.stringify(await readFile(join(REPOSITORY, "harmony/host/take-over.sh"), "utf8")),
  };
}
