import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { trial, version } from "../../test/scene.ts";
import { fileStartList } from "./start-list.ts";
import { fileSwapJournal } from "./swap-journal.ts";
import { resetFailed, NOTHING_RECORDED, type SwapRecord } from "../model/swap-record.ts";
import { StorageError } from "./stored-file.ts";

let folder: string;
let corrupt: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "swaps-"));
  corrupt = [];
});
afterEach(() => rm(folder, { recursive: true }));

const options = () => ({ folder, onCorrupt: ({ keptAs }: { readonly keptAs: string }) => corrupt.push(keptAs) });
const data = { services: [{ name: "web", image: "x:1" }] };
const record: SwapRecord = {
  ...NOTHING_RECORDED,
  good: version(data),
  trial: trial(data, { setback: { service: "web", reason: "PortInUse", why: "held", at: "2027-01-15T00:00:00Z", count: 2 } }),
  verdict: { of: version(data), at: "2027-01-15T00:00:00Z", reason: "Exited", message: "it failed" },
  crashes: { web: { count: 3, startAt: "2027-01-15T00:00:00Z", exitCode: 1, lastLine: "out of paper" } },
};

test("what is written is read, by another agent too, and forgotten when it is to be", async () => {
  await fileSwapJournal(options()).write("app", record);
  expect(await fileSwapJournal(options()).read("app")).toEqual(record);
  expect(await fileSwapJournal(options()).read("other")).toBeNull();
  await fileSwapJournal(options()).write("app", null);
  await fileSwapJournal(options()).write("app", null);
  expect(await fileSwapJournal(options()).read("app")).toBeNull();
  expect(await readdir(folder)).toEqual([".reserve"]);
});

test.each(["", "{", '{"format":2}', JSON.stringify({ ...record, trial: {} })])(
  "a file that says %j is kept aside and reported",
  async (text) => {
    await writeFile(join(folder, "app.json"), text);
    expect(await fileSwapJournal(options()).read("app")).toBeNull();
    expect(corrupt).toEqual([join(folder, "app.json.corrupt")]);
    expect(await readFile(join(folder, "app.json.corrupt"), "utf8")).toBe(text);
  },
);

test("what the file system does not give or take is an error of its own, and nothing is kept aside", async () => {
  await writeFile(join(folder, "file"), "");
  const inFile = fileSwapJournal({ ...options(), folder: join(folder, "file") });
  await expect(inFile.read("app")).rejects.toThrow(StorageError);
  await expect(inFile.write("app", record)).rejects.toThrow(StorageError);
  expect(corrupt).toEqual([]);
});

test("a person's wish to try again ends the verdict and every wait, and keeps what was good", () => {
  expect(resetFailed(record)).toMatchObject({
    good: record.good,
    verdict: null,
    trial: { setback: null },
    crashes: { web: { count: 0, startAt: "1970-01-01T00:00:00.000Z" } },
  });
});

test("a start list is a name a line, and none where nothing is to be started", async () => {
  const list = fileStartList(options());
  await list.write("app", ["app_web", "app_db"]);
  expect(await readFile(join(folder, "app"), "utf8")).toBe("app_web\napp_db\n");
  expect(await list.read("app")).toEqual(["app_web", "app_db"]);
  await list.write("app", []);
  expect(await list.read("app")).toEqual([]);
  expect(await readdir(folder)).toEqual([]);
});

test.each(["app_web", "app_web\n--all\n", "\u0000"])("a start list that says %j is kept aside", async (text) => {
  await writeFile(join(folder, "app"), text);
  expect(await fileStartList(options()).read("app")).toEqual([]);
  expect(corrupt).toEqual([join(folder, "app.corrupt")]);
});
