// Lists what is inside a program: the npm packages whose code esbuild took, and Node with the
// libraries that it brings. Writes it as a CycloneDX document, and as the copyright file that
// Debian wants. Both are taken from the build result, so neither can say what is not so.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "@iot/testkit";
import * as z from "zod/mini";
import type { Executable } from "./executable.ts";
import { nodeProgram, REPOSITORY } from "./node-program.ts";
import { AGENT, type ShippedProgram } from "./program.ts";
import type { BuildTarget } from "./target.ts";
import type { Version } from "./version.ts";

const Manifest = z.object({ name: z.string(), version: z.string(), license: z.string() });

interface Component extends z.infer<typeof Manifest> {
  readonly licenseText: string;
}

export async function billOfMaterials(
  target: BuildTarget,
  executable: Executable,
  { program: { name }, version }: { readonly program: ShippedProgram; readonly version: Version },
): Promise<string> {
  const npm = await componentsOf(executable);
  const libraries = Object.entries(await librariesOfNode(target)).filter(
    ([name]) => name !== "node" && name !== "modules" && name !== "napi",
  );
  const document = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp: new Date(version.commitEpochSeconds * 1000).toISOString(),
      component: {
        type: "application",
        "bom-ref": name,
        name,
        version: version.debian,
        licenses: [{ license: { id: "Apache-2.0" } }],
      },
    },
    components: [
      ...npm.map(({ name, version, license }) => ({
        type: "library",
        name,
        version,
        purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
        licenses: [{ license: { id: license } }],
      })),
      {
        type: "platform",
        name: "node",
        version: executable.nodeVersion,
        purl: `pkg:generic/node@${executable.nodeVersion}`,
        cpe: `cpe:2.3:a:nodejs:node.js:${executable.nodeVersion}:*:*:*:lts:*:*:*`,
        licenses: [{ license: { id: "MIT" } }],
        components: libraries.map(([name, version]) => ({ type: "library", name, version })),
      },
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

export async function copyrightFile(
  target: BuildTarget,
  executable: Executable,
  { name: program }: ShippedProgram = AGENT,
): Promise<string> {
  const node = await nodeProgram(target);
  const stanza = ({ name, version, license, licenseText }: Component): string =>
    `Files: ${name}\nCopyright: its authors; see the licence\nLicense: ${license}-${name.replaceAll(/[^a-z\d]+/gi, "-")}\nComment: version ${version}, in /usr/bin/${program}\n\n` +
    `License: ${license}-${name.replaceAll(/[^a-z\d]+/gi, "-")}\n${indented(licenseText)}\n`;
  return [
    `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: ${program}

Files: *
Copyright: NationTech
License: Apache-2.0

License: Apache-2.0
 On Debian systems the full text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
`,
    ...(await componentsOf(executable)).map(stanza),
    stanza({ name: "node", version: node.version, license: "Node", licenseText: await readFile(node.licenseFile, "utf8") }),
  ].join("\n");
}

function indented(text: string): string {
  return text
    .trim()
    .split("\n")
    .map((line) => (line.trim() === "" ? " ." : ` ${line.trimEnd()}`))
    .join("\n");
}

async function componentsOf({ packages }: Executable): Promise<readonly Component[]> {
  return Promise.all(
    packages.map(async (folder) => {
      const path = join(REPOSITORY, folder);
      const manifest: unknown = JSON.parse(await readFile(join(path, "package.json"), "utf8"));
      const licenseFile = (await readdir(path)).find((name) => /^licen[cs]e/i.test(name));
      if (licenseFile === undefined)
        throw new Error(`${folder}: comes without the text of its licence, which must go into the copyright file`);
      return { ...z.parse(Manifest, manifest), licenseText: await readFile(join(path, licenseFile), "utf8") };
    }),
  );
}

async function librariesOfNode(target: BuildTarget): Promise<Readonly<Record<string, string>>> {
  const { argv } = await nodeProgram(target);
  const { stdout } = await run([...argv, "-p", "JSON.stringify(process.versions)"]);
  return z.parse(z.record(z.string(), z.string()), JSON.parse(stdout));
}
