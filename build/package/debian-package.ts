// Builds the Debian package with dpkg-deb alone: the tree of files, the maintainer scripts, and the
// files written for each build (control, checksums, changelog, copyright). All dates are the
// commit's, all owners root.

import { createHash } from "node:crypto";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "@iot/testkit";
import { agentTree, DEBIAN_LAYOUT } from "./agent-tree.ts";
import { iotTree } from "./iot-tree.ts";
import { AGENT, IOT, type ShippedProgram } from "./program.ts";
import { compressed, put } from "./put-file.ts";
import type { BuildTarget } from "./target.ts";
import type { Version } from "./version.ts";

/** `small` takes a minute and is two thirds of `fast`. */
export type Compression = "small" | "fast";

// The block size is the same whatever the number of processors, and so are the bytes.
const COMPRESSION: Readonly<Record<Compression, readonly string[]>> = {
  small: ["-Zxz", "-z6", "--threads-max=2"],
  fast: ["-Zgzip", "-z1"],
};

const MAINTAINER = "NationTech <iot@nationtech.io>";

/** Puts the package into that folder, and gives its path. */
export async function buildDebianPackage(options: {
  /** The agent unless it is said. */
  readonly program?: ShippedProgram;
  readonly executable: string;
  readonly target: BuildTarget;
  readonly copyright: string;
  readonly version: Version;
  readonly compression: Compression;
  readonly into: string;
}): Promise<string> {
  const { program = AGENT, executable, target, copyright, version, compression, into } = options;
  const { name: packageName, sources, maintainerScripts } = program;
  const path = join(into, `${packageName}_${version.debian}_${target.debian}.deb`);
  const root = await mkdtemp(join(tmpdir(), `${packageName}-deb-`));
  try {
    await chmod(root, 0o755);
    if (program === IOT) await iotTree({ into: root, executable, version });
    else await agentTree({ into: root, executable, layout: DEBIAN_LAYOUT });
    const documents = join(root, "usr/share/doc", packageName);
    await put(join(documents, "copyright"), 0o644, (path) => writeFile(path, copyright));
    await put(join(documents, "changelog.gz"), 0o644, (path) => writeFile(path, compressed(changelog(packageName, version))));
    const { checksums, kilobytes } = await weigh(root);
    await mkdir(join(root, "DEBIAN"), { mode: 0o755 });
    await chmod(join(root, "DEBIAN"), 0o755);
    await writeText(join(root, "DEBIAN/md5sums"), checksums);
    const template = await readFile(join(sources, "debian/control"), "utf8");
    const fields = { VERSION: version.debian, ARCHITECTURE: target.debian, INSTALLED_SIZE: String(kilobytes), MAINTAINER };
    await writeText(
      join(root, "DEBIAN/control"),
      Object.entries(fields).reduce((text, [name, value]) => text.replace(`@${name}@`, value), template),
    );
    for (const script of maintainerScripts) {
      await cp(join(sources, "debian", script), join(root, "DEBIAN", script));
      await chmod(join(root, "DEBIAN", script), 0o755);
    }
    const env = { SOURCE_DATE_EPOCH: String(version.commitEpochSeconds) };
    await run(["dpkg-deb", "--root-owner-group", ...COMPRESSION[compression], "--build", root, path], { env, timeoutMs: 600_000 });
    return path;
  } finally {
    await rm(root, { recursive: true });
  }
}

function changelog(packageName: string, { debian, commit, commitEpochSeconds }: Version): string {
  const date = new Date(commitEpochSeconds * 1000).toUTCString().replace("GMT", "+0000");
  return `${packageName} (${debian}) unstable; urgency=medium\n\n  * Built of commit ${commit}.\n\n -- ${MAINTAINER}  ${date}\n`;
}

async function weigh(root: string): Promise<{ readonly checksums: string; readonly kilobytes: number }> {
  const files = (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1)).toSorted();
  const sizes = await Promise.all(paths.map(async (path) => Math.ceil((await stat(join(root, path))).size / 1024)));
  const lines = await Promise.all(
    paths.map(
      async (path) =>
        `${createHash("md5")
          .update(await readFile(join(root, path)))
          .digest("hex")}  ${path}\n`,
    ),
  );
  return { checksums: lines.join(""), kilobytes: sizes.reduce((sum, size) => sum + size, 0) };
}

async function writeText(path: string, text: string): Promise<void> {
  await writeFile(path, text);
  await chmod(path, 0o644);
}
