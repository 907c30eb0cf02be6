// `npm run bench -- limits`: what the largest accepted input of each border costs, and that cost
// grows with size and no faster. The cases are iot-operator's (scripts/limits.ts); the table goes
// into docs/limits.md, between its two marks.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "@iot/testkit";
import * as z from "zod/mini";
import { machine } from "./machine.ts";
import { ms } from "./measurement.ts";

const REPOSITORY = join(import.meta.dirname, "../..");
const CASES = join(REPOSITORY, "iot/iot-operator/scripts/limits.ts");
const FILE = join(REPOSITORY, "docs/limits.md");
const PARTS = [0.25, 0.5, 1];
const ROUNDS = 3;
const [BEGIN, END] = ["<!-- measured by npm run bench -- limits -->", "<!-- end of what is measured -->"];

const Cases = z.array(z.object({ name: z.string(), what: z.string(), limit: z.string() }));
const Cost = z.object({ ms: z.number(), mib: z.number() });

export async function limits(): Promise<void> {
  const rows: string[] = [];
  for (const { name, what, limit } of Cases.parse(JSON.parse(await ask([])))) {
    const costs = [];
    for (const part of PARTS) costs.push(await cheapest(name, part));
    const [quarter, , whole] = costs;
    const growth = quarter === undefined || whole === undefined ? 0 : whole.ms / quarter.ms;
    const row = [what, limit, ...costs.map((cost) => ms(cost.ms)), `${Math.round(whole?.mib ?? 0)} MiB`, growth.toFixed(1)];
    rows.push(`| ${row.join(" | ")} |`);
    process.stdout.write(`${rows.at(-1)}\n`);
  }
  const heading = `| input | limit | a quarter of it | half | all | memory | all / quarter (4: linear) |\n|---|---|---|---|---|---|---|`;
  const text = await readFile(FILE, "utf8");
  const [before = "", rest = ""] = text.split(BEGIN);
  const after = rest.split(END)[1] ?? "";
  await writeFile(
    FILE,
    `${before}${BEGIN}\n\nOn ${machine()}; the best of ${ROUNDS} runs.\n\n${heading}\n${rows.join("\n")}\n\n${END}${after}`,
  );
}

/** The machine is shared: what is cheapest is nearest to what it costs. */
async function cheapest(name: string, part: number): Promise<z.infer<typeof Cost>> {
  const costs = [];
  for (let round = 0; round < ROUNDS; round += 1) costs.push(Cost.parse(JSON.parse(await ask([name, String(part)]))));
  return costs.reduce((best, cost) => (cost.ms < best.ms ? cost : best));
}

async function ask(args: readonly string[]): Promise<string> {
  return (await run([process.execPath, CASES, ...args])).stdout;
}
