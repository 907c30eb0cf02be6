// `npm run package [-- --arch amd64|arm64] [--only iot-agent|iot|iot.mjs] [--fast] [--out FOLDER]`
// makes for each target the executables of the agent and of `iot`, their Debian packages and bills
// of materials, and the agent's files for /usr/local in an archive; for any Node iot.mjs; and the
// checksums of all of them. The default folder is dist/.

import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { findProgram, run } from "@iot/testkit";
import { agentTree, LOCAL_LAYOUT } from "./agent-tree.ts";
import { bundle } from "./bundle.ts";
import { billOfMaterials, copyrightFile } from "./bill-of-materials.ts";
import { buildDebianPackage } from "./debian-package.ts";
import { buildExecutable } from "./executable.ts";
import { REPOSITORY } from "./node-program.ts";
import { AGENT, IOT, type ShippedProgram } from "./program.ts";
import { type BuildTarget, TARGETS } from "./target.ts";
import { type Version, versionOfCommit } from "./version.ts";

const { values } = parseArgs({
  options: {
    arch: { type: "string" },
    only: { type: "string" },
    fast: { type: "boolean", default: false },
    out: { type: "string", default: join(REPOSITORY, "dist") },
  },
});
const targets = TARGETS.filter(({ debian, machine }) => values.arch === undefined || values.arch === debian || values.arch === machine);
if (targets.length === 0) throw new Error(`--arch ${values.arch}: expected amd64 or arm64`);
const FOR_ANY_NODE = "iot.mjs";
const { only } = values;
if (only !== undefined && only !== AGENT.name && only !== IOT.name && only !== FOR_ANY_NODE)
  throw new Error(`--only ${only}: expected ${AGENT.name}, ${IOT.name} or ${FOR_ANY_NODE}`);
const programs = [AGENT, IOT].filter(({ name }) => only === undefined || only === name);
const into = resolve(values.out);
await mkdir(into, { recursive: true });
const version = await versionOfCommit();
const made: string[] = only === AGENT.name ? [] : [await buildForAnyNode(version)];
for (const target of targets) for (const program of programs) made.push(...(await buildFor(program, target, version)));
const lines = await Promise.all(made.map(async (path) => `${digest(await readFile(path))}  ${path.slice(into.length + 1)}\n`));
await writeFile(join(into, "SHA256SUMS"), lines.join(""));

async function buildForAnyNode(version: Version): Promise<string> {
  const path = join(into, FOR_ANY_NODE);
  await bundle({ program: IOT, version, format: "mjs", outfile: path });
  await chmod(path, 0o755);
  await say(path);
  return path;
}

async function buildFor(program: ShippedProgram, target: BuildTarget, version: Version): Promise<readonly string[]> {
  const executable = join(into, `${program.name}-linux-${target.node}`);
  const built = await buildExecutable({ program, target, version, path: executable });
  await say(executable);
  const bill = `${executable}.cdx.json`;
  await writeFile(bill, await billOfMaterials(target, built, { program, version }));
  await say(bill);
  const copyright = await copyrightFile(target, built, program);
  const compression = values.fast ? "fast" : "small";
  const debianPackage = await buildDebianPackage({ program, target, executable, copyright, version, compression, into });
  await say(debianPackage);
  if (!values.fast) await lint(debianPackage);
  const files = [executable, bill, debianPackage];
  if (program !== AGENT) return files;
  const archive = `${executable}.tar.gz`;
  await buildArchive(executable, archive, version);
  await say(archive);
  return [...files, archive];
}

async function buildArchive(executable: string, archive: string, { commitEpochSeconds }: Version): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), "iot-agent-local-"));
  try {
    await agentTree({ into: root, executable, layout: LOCAL_LAYOUT });
    const settings = ["--sort=name", "--format=gnu", "--owner=0", "--group=0", "--numeric-owner", `--mtime=@${commitEpochSeconds}`];
    // Folders of the device keep their own modes and dates.
    const files = (
      await run(["find", ".", "-mindepth", "1", "(", "-type", "f", "-o", "-type", "l", ")", "-printf", "%P\\n"], { cwd: root })
    ).stdout;
    const command = ["tar", ...settings, "--use-compress-program=gzip -n -1", `--file=${archive}`, "--create", "--files-from=-"];
    await run(command, { cwd: root, stdin: files.split("\n").filter(Boolean).toSorted().join("\n") });
  } finally {
    await rm(root, { recursive: true });
  }
}

/** Checks the whole package, with the executable; the tests check the rest. */
async function lint(debianPackage: string): Promise<void> {
  if ((await findProgram("lintian")) === undefined)
    return void process.stdout.write("lintian is not installed: it has not looked at this package\n");
  const { exitCode, stdout } = await run(["lintian", "--tag-display-limit", "0", debianPackage], {
    allowExitCodes: [0, 1, 2],
    timeoutMs: 600_000,
  });
  if (stdout !== "" || exitCode !== 0) throw new Error(`lintian has something to say:\n${stdout}`);
}

async function say(path: string): Promise<void> {
  process.stdout.write(`${path} (${((await stat(path)).size / 1e6).toFixed(1)} MB)\n`);
}

function digest(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
