// Generates the files that others read: from the schemas a JSON Schema a document (generated/, for
// editors and other programs) and the CustomResourceDefinition, from the permissions the
// configuration of NATS, the table of what a device can influence, and the limits of a Score in
// docs/podman-v0.md. `--check` writes nothing and fails when a file is not current.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { stringify } from "yaml";
import { customResourceDefinitions } from "./custom-resource-definition.ts";
import { jsonSchemas } from "./json-schemas.ts";
import { natsConfiguration } from "./nats-configuration.ts";
import { threatTable } from "./threat-table.ts";
import { withScoreLimits } from "./score-limits.ts";

const CRD_HEADER = "# Made from iot/contracts/src/documents/deployment.ts and device.ts by `npm run generate`.\n";

function yamlOf(definition: object): string {
  return stringify(definition, { lineWidth: 0, aliasDuplicateObjects: false });
}

const root = join(import.meta.dirname, "../../..");
const files = new Map<string, string>([
  ...Object.entries(jsonSchemas()).map(([name, schema]): [string, string] => [
    `iot/contracts/generated/${name}.schema.json`,
    `${JSON.stringify(schema, null, 2)}\n`,
  ]),
  ["iot/deploy/crd.yaml", CRD_HEADER + customResourceDefinitions().map(yamlOf).join("---\n")],
  ["docs/podman-v0.md", withScoreLimits(await readFile(join(root, "docs/podman-v0.md"), "utf8"))],
  ...Object.entries(natsConfiguration()).map(([name, text]): [string, string] => [`iot/deploy/nats/${name}`, text]),
  ["docs/threats.md", threatTable()],
]);

const check = process.argv.includes("--check");
const stale: string[] = [];
for (const [path, content] of files) {
  const file = join(root, path);
  const standing = await readFile(file, "utf8").catch(() => null);
  if (standing === content) continue;
  stale.push(path);
  if (check) continue;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

if (check && stale.length > 0) {
  console.error(`not current, run \`npm run generate\`: ${stale.join(", ")}`);
  process.exitCode = 1;
} else console.log(stale.length === 0 ? "generated files are current" : `wrote ${stale.join(", ")}`);
