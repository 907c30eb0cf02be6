// The promises of the cache: a folder is whole or not there, it is made once however many ask, and
// an abandoned lock does not count.

import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cached } from "./cache.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "harmony-cache-"));
  process.env["HARMONY_IOT_CACHE"] = folder;
});
afterEach(async () => {
  delete process.env["HARMONY_IOT_CACHE"];
  await rm(folder, { recursive: true });
});

test("of several that want the same at once, one makes it", async () => {
  let made = 0;
  const make = async (into: string): Promise<void> => {
    made += 1;
    await writeFile(join(into, "program"), "");
  };
  const places = await Promise.all([cached("thing-1", make), cached("thing-1", make), cached("thing-1", make)]);
  expect(made).toBe(1);
  expect(new Set(places)).toEqual(new Set([join(folder, "thing-1")]));
  expect(await readdir(folder)).toEqual(["thing-1"]);
});

test("what was half made is not there", async () => {
  const half = async (into: string): Promise<void> => {
    await writeFile(join(into, "half"), "");
    throw new Error("the network is gone");
  };
  await expect(cached("thing-1", half)).rejects.toThrow("the network is gone");
  expect(await readdir(folder)).toEqual([]);
});

test("the lock of a process that is gone is taken, and what it was making removed", async () => {
  await mkdir(join(folder, "thing-1.making-abc"));
  // No process has this id: it is above the kernel's highest.
  await writeFile(join(folder, "thing-1.lock"), "4194305");
  await cached("thing-1", async (into) => writeFile(join(into, "program"), ""));
  expect(await readdir(folder)).toEqual(["thing-1"]);
});
