import { readFileSync } from "node:fs";
import { appendFile, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLog } from "@harmony/runtime";
import { makeTempFolder, type TempFolder } from "@iot/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HistoryEntry } from "@iot/contracts";
import { History, HISTORY_KEPT, readHistory } from "./history.ts";

function entry(number: number, more: Partial<HistoryEntry> = {}): HistoryEntry {
  const at = new Date(Date.UTC(2026, 0, 1) + number * 1_000).toISOString();
  return { at, deployment: "hello", phase: "Running", reason: "Running", message: `running ${number}`, revision: number, ...more };
}
const line = (number: number): string => `${JSON.stringify(entry(number, { n: number }))}\n`;

describe("what a file says", () => {
  test.each([
    ["nothing", "", [], 0, false],
    ["whole lines", line(1) + line(2), [1, 2], 0, false],
    ["a last line that a power cut tore", line(1) + line(2).slice(0, 30), [1], 0, true],
    ["damage within", `${line(1)}\0\0\0\0\n${line(3)}`, [1, 3], 1, false],
  ])("%s", (_, text, numbers, damaged, torn) => {
    const read = readHistory(text);
    expect(read.entries.map(({ revision }) => revision)).toEqual(numbers);
    expect(read).toMatchObject({ damaged, torn });
  });
});

let folder: TempFolder;
let lines: string[];
beforeEach(async () => {
  folder = await makeTempFolder("history");
  lines = [];
});
afterEach(() => folder.remove());

const file = (): string => join(folder.path, "history.jsonl");
async function open(): Promise<History> {
  const history = new History({
    folder: folder.path,
    log: createLog({ name: "t", format: "text", write: (each) => void lines.push(each) }),
  });
  await history.load();
  return history;
}
async function revisions(): Promise<(number | null)[]> {
  const history = await open();
  await history.close();
  return (await history.written()).map(({ revision }) => revision);
}

test("is there again after a restart, and what was said last is not said again", async () => {
  const history = await open();
  history.add(entry(1));
  history.add(entry(1, { message: "the same, said otherwise" }));
  history.add(entry(2));
  await history.close();
  expect(await revisions()).toEqual([1, 2]);
  expect((await open()).last("hello")).toEqual(entry(2, { n: 2 }));
  expect((await open()).last("other")).toBeUndefined();
});

test("what an agent of 0.1 wrote gets its numbers once", async () => {
  await writeFile(file(), [1, 2].map((number) => `${JSON.stringify(entry(number))}\n`).join(""));
  for (const _ of ["first", "again"]) {
    const history = await open();
    await history.close();
    expect((await history.keptAfter(1)).map(({ n }) => n)).toEqual([2]);
  }
  expect((await readFile(file(), "utf8")).match(/"n":\d+/g)).toEqual(['"n":1', '"n":2']);
});

test("a torn line is dropped and the next one stands by itself", async () => {
  await writeFile(file(), line(1));
  await appendFile(file(), line(2).slice(0, 20));
  const history = await open();
  history.add(entry(3));
  await history.close();
  expect(await revisions()).toEqual([1, 3]);
  expect(lines).toEqual([]);
});

test("a damaged file is kept aside, reported, and what can be read of it is kept", async () => {
  await writeFile(file(), `${line(1)}{"at":\n${line(3)}`);
  expect(await revisions()).toEqual([1, 3]);
  expect(await readdir(folder.path)).toEqual(["history.jsonl", "history.jsonl.corrupt"]);
  expect(lines.join("")).toContain("a part of the history cannot be read");
  expect(await revisions()).toEqual([1, 3]);
});

test("does not grow without end, and keeps the last", async () => {
  const history = await open();
  for (let number = 1; number <= 3 * HISTORY_KEPT; number += 1) history.add(entry(number));
  await history.close();
  const written = (await readFile(file(), "utf8")).split("\n").length - 1;
  expect(written).toBeLessThanOrEqual(2 * HISTORY_KEPT);
  const kept = await revisions();
  expect(kept).toHaveLength(HISTORY_KEPT);
  expect(kept.at(-1)).toBe(3 * HISTORY_KEPT);
});

test("after a write that the disk did not take whole the file is written anew", async () => {
  await writeFile(file(), line(1));
  const history = await open();
  await rm(file());
  await symlink("/dev/full", file());
  history.add(entry(2));
  history.add(entry(3));
  await history.close();
  expect(lines.join("")).toContain("ENOSPC");
  expect(await revisions()).toEqual([1, 2, 3]);
});

test("that it cannot be written is reported once", async () => {
  await writeFile(join(folder.path, "file"), "");
  const history = new History({ folder: join(folder.path, "file"), log: createLog({ name: "t", write: (each) => void lines.push(each) }) });
  history.add(entry(1));
  history.add(entry(2));
  await history.close();
  expect(lines).toHaveLength(1);
});

test("a person is shown no line that is not on disk", async () => {
  const history = await open();
  for (let revision = 1; revision <= 2 * HISTORY_KEPT + 5; revision += 1) {
    history.add(entry(revision));
    const shown = await history.written();
    const onDisk = readHistory(readFileSync(file(), "utf8"));
    expect({ last: shown.at(-1), torn: onDisk.torn }).toEqual({ last: onDisk.entries.at(-1), torn: false });
    expect(shown.at(-1)?.revision).toBe(revision);
  }
  await history.close();
});
