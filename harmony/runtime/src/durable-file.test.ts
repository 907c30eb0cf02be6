import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keepAside, readDurably, writeFileDurably } from "./durable-file.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "durable-"));
  path = join(folder, "made", "file");
});
afterEach(() => rm(folder, { recursive: true }));

const parse = (bytes: Uint8Array) =>
  bytes.length > 1
    ? { ok: true as const, value: Buffer.from(bytes).toString() }
    : { ok: false as const, issues: [{ path: ["a"], message: "too short" }] };

test("what is written is read, with its mode, in a folder for its owner, and nothing else is left", async () => {
  expect(await readDurably(path, parse)).toEqual({ kind: "absent" });
  await writeFileDurably(path, "one");
  await writeFileDurably(path, "two", 0o640);
  expect(await readDurably(path, parse)).toEqual({ kind: "found", value: "two" });
  expect((await stat(path)).mode & 0o777).toBe(0o640);
  expect((await stat(join(folder, "made"))).mode & 0o777).toBe(0o700);
  expect(await readdir(join(folder, "made"))).toEqual(["file"]);
});

test("what does not parse is kept aside, and gone from its place", async () => {
  await writeFileDurably(path, "!");
  expect(await readDurably(path, parse)).toEqual({ kind: "corrupt", why: "a: too short", keptAs: `${path}.corrupt` });
  expect(await readFile(`${path}.corrupt`, "utf8")).toBe("!");
  expect(await readDurably(path, parse)).toEqual({ kind: "absent" });
});

test("what the disk has lost is kept aside, and can be written anew", async () => {
  // Its first page belongs to nobody, so reading it is an error of input and output.
  await mkdir(join(folder, "made"));
  await symlink("/proc/self/mem", path);
  expect(await readDurably(path, parse)).toEqual({ kind: "corrupt", why: "the disk cannot read it", keptAs: `${path}.corrupt` });
  await writeFileDurably(path, "anew");
  expect(await readDurably(path, parse)).toEqual({ kind: "found", value: "anew" });
});

test("what the file system does not give stays where it is", async () => {
  expect(await readDurably(folder, parse)).toMatchObject({ kind: "unreadable", error: { code: "EISDIR" } });
  await writeFile(join(folder, "other"), "x");
  expect(await keepAside(join(folder, "other"), "of-another")).toBe(join(folder, "other.of-another"));
});
