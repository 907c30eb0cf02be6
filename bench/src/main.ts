// `npm run bench [-- name…]`: measures, prints one table, and writes docs/bench.md and
// docs/bench.json. A run of some measurements replaces only their rows. A missed target is shown as
// missed. `npm run bench -- compare …` is in compare.ts,
// and `-- limits` in limits.ts.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod/mini";
import { Figure, type Measurement } from "./measurement.ts";
import { cluster } from "./cluster.ts";
import { compare } from "./compare.ts";
import { devices } from "./devices.ts";
import { fleet } from "./fleet.ts";
import { gitPush } from "./git-push.ts";
import { idle } from "./idle.ts";
import { installed } from "./installed.ts";
import { limits } from "./limits.ts";
import { link } from "./link.ts";
import { machine } from "./machine.ts";
import { operatorFleet } from "./operator-fleet.ts";
import { operatorScale } from "./operator-scale.ts";
import { reconnect } from "./reconnect.ts";
import { removal } from "./removal.ts";
import { scoreToHttp } from "./score-to-http.ts";
import { swap } from "./swap.ts";
import { trust } from "./trust.ts";

const MEASUREMENTS: readonly Measurement[] = [
  scoreToHttp,
  gitPush,
  removal,
  swap,
  operatorScale,
  operatorFleet,
  fleet,
  devices,
  cluster,
  reconnect,
  trust,
  installed,
  idle,
  link,
];
const DOCS = join(import.meta.dirname, "../../docs");

type Results = Record<string, readonly Figure[]>;

const [first, ...rest] = process.argv.slice(2);
if (first === "compare") await compare(rest);
else if (first === "limits") await limits();
else await measure(process.argv.slice(2));

async function measure(wanted: readonly string[]): Promise<void> {
  const unknown = wanted.filter((name) => !MEASUREMENTS.some((measurement) => measurement.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`no measurement is called ${unknown.join(", ")}; there are ${MEASUREMENTS.map(({ name }) => name).join(", ")}\n`);
    process.exit(2);
  }
  const results: Results = await earlier();
  for (const measurement of MEASUREMENTS) {
    if (wanted.length > 0 && !wanted.includes(measurement.name)) continue;
    process.stdout.write(`${measurement.name} (about ${measurement.takesMinutes} min) …\n`);
    results[measurement.name] = await measurement.run();
    for (const figure of results[measurement.name] ?? [])
      process.stdout.write(
        `  ${figure.met ? "met   " : "MISSED"} ${figure.what}: ${figure.measured} (target ${figure.target}; baseline ${figure.baseline})\n`,
      );
  }
  await writeFile(join(DOCS, "bench.json"), `${JSON.stringify(results, null, 2)}\n`);
  await writeFile(join(DOCS, "bench.md"), table(results));
}

async function earlier(): Promise<Results> {
  const text = await readFile(join(DOCS, "bench.json"), "utf8").catch(() => "{}");
  return z.record(z.string(), z.array(Figure)).parse(JSON.parse(text));
}

function table(all: Results): string {
  const rows = MEASUREMENTS.flatMap(({ name }) => all[name] ?? []).map(
    ({ what, target, measured, baseline, met }) => `| ${what} | ${target} | ${met ? "" : "**missed:** "}${measured} | ${baseline} |`,
  );
  return `# Figures

Made by \`npm run bench\` (some of them: \`npm run bench -- ${MEASUREMENTS.map(({ name }) => name).join("|")}\`), here on ${machine()},
the device simulated (Debian 13, Podman 5.4). Machines differ and are shared: read a figure beside its baseline, which was taken in the same run. The numbers behind them are in bench.json.

| what | target | measured | baseline, same run |
|---|---|---|---|
${rows.join("\n")}

## What stands between the bucket and the container

Traced on the device, beside create and start themselves, which by hand costs as well:

| part | why it stays |
|---|---|
| the notice, the manifest and the Score: two questions to NATS | a notice is never trusted as data |
| the desired state on the disk, once with the manifest and once with the Score | a device whose power fails goes on from what it has begun |
| one look at the device: four questions to Podman at once | nothing is planned from memory |
| what the image says of itself | the tag may be another image than when it was looked at |
| \`sync -f\` of Podman's storage between create and start | a layer that is not on the disk is damaged by a power cut ([ADR 15](adr/0015-images-that-outlive-a-power-cut.md)) |
`;
}
