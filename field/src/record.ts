// Keeps a record of each cut: one line of JSON in the run's folder, written as soon as the cut is
// judged, so that a run that is ended loses none and can be continued.

import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod/mini";
import { PHASES } from "./plan.ts";

export const CutRecord = z.object({
  number: z.number(),
  /** The package on the device: a run that is continued may have a later one. */
  agent: z.string(),
  phase: z.enum(PHASES),
  delayMs: z.number(),
  /** False: the phase did not begin in time, and the cut was made all the same. */
  begun: z.boolean(),
  disk: z.object({ keep: z.number(), writes: z.number(), flushes: z.number(), unflushed: z.number(), lost: z.number() }),
  /** The time from the start of qemu; null: not within the limit. */
  loginMs: z.nullable(z.number()),
  answeredMs: z.nullable(z.number()),
  reconciledMs: z.nullable(z.number()),
  failures: z.array(z.string()),
  repairs: z.array(z.string()),
  finishedAt: z.string(),
});
export type CutRecord = z.output<typeof CutRecord>;

export const Run = z.object({
  seed: z.number(),
  architecture: z.enum(["amd64", "arm64"]),
  versions: z.record(z.string(), z.string()),
  machine: z.string(),
  startedAt: z.string(),
});
export type Run = z.output<typeof Run>;

export interface RunFolder {
  readonly path: string;
  /** The run as it was begun. */
  readonly run: Run;
  readonly records: readonly CutRecord[];
  add(record: CutRecord): Promise<void>;
}

/** Keeps the existing records if `goOn`; removes them if not. */
export async function openRunFolder(path: string, run: Run, goOn: boolean): Promise<RunFolder> {
  await mkdir(path, { recursive: true });
  const runFile = join(path, "run.json");
  const recordsFile = join(path, "cuts.jsonl");
  const records: CutRecord[] = [];
  let begun = run;
  if (goOn) {
    const earlier = z.parse(Run, JSON.parse(await readFile(runFile, "utf8")));
    if (earlier.seed !== run.seed || earlier.architecture !== run.architecture)
      throw new Error(`${path} is of a run with seed ${earlier.seed} on ${earlier.architecture}: continue it with these`);
    begun = { ...run, startedAt: earlier.startedAt };
    const text = await readFile(recordsFile, "utf8").catch(() => "");
    // A line that is cut short belongs to a cut that was not recorded.
    const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
    records.push(...lines.filter(Boolean).map((line) => z.parse(CutRecord, JSON.parse(line))));
  } else {
    await rm(join(path, "evidence"), { recursive: true, force: true });
    await writeFile(recordsFile, "");
  }
  await writeFile(runFile, `${JSON.stringify(begun, null, 2)}\n`);
  return {
    path,
    run: begun,
    records,
    add: async (record) => {
      records.push(record);
      await appendFile(recordsFile, `${JSON.stringify(record)}\n`);
    },
  };
}
