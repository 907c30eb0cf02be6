// When a key of the issuer is published, signs and goes; and that no cut between two writes leaves the
// service without one.

import { copyFile, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keyIdOf } from "@iot/identity";
import { afterEach, beforeEach, expect, test } from "vitest";
import { IssuerKeyFiles, type KeysSeen, type KeysStep, makeNextKey, planIssuerKeys } from "./issuer-keys.ts";

const MINUTE_MS = 60_000;
const TIMES = { publishMs: 10 * MINUTE_MS, tokenLifeMs: 720 * MINUTE_MS };

test.each<[string, KeysSeen, KeysStep]>([
  ["one key", { publishedMs: null, replacedMs: null }, null],
  ["a next one that was just published", { publishedMs: 0, replacedMs: null }, null],
  ["a next one that others know", { publishedMs: 10 * MINUTE_MS, replacedMs: null }, "use next"],
  ["one before whose tokens live", { publishedMs: null, replacedMs: 700 * MINUTE_MS }, null],
  ["one before whose tokens have ended", { publishedMs: null, replacedMs: 731 * MINUTE_MS }, "remove before"],
  ["a next one while there is one before", { publishedMs: 60 * MINUTE_MS, replacedMs: 60 * MINUTE_MS }, null],
  ["a clock that went back", { publishedMs: -MINUTE_MS, replacedMs: -MINUTE_MS }, null],
])("%s", (_what, seen, step) => {
  expect(planIssuerKeys(seen, TIMES)).toBe(step);
});

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "issuer-keys-"));
  file = join(folder, "issuer-key.pem");
});
afterEach(() => rm(folder, { recursive: true }));

const open = (): Promise<IssuerKeyFiles> => IssuerKeyFiles.open(file, { tokenLifeS: 43_200 });
const ids = (keys: IssuerKeyFiles): readonly string[] => [keys.current().present, ...keys.current().others].map((key) => keyIdOf(key));

test("a next key is published, signs ten minutes later, and the one before goes with its last token", async () => {
  const keys = await open();
  const [first = ""] = ids(keys);
  expect(await keys.look(0)).toBe(false);
  await makeNextKey(file);
  await expect(makeNextKey(file)).rejects.toThrow("is there already");
  const atMs = Date.now();
  expect(await keys.look(atMs)).toBe(true);
  const [present, second = ""] = ids(keys);
  expect(present).toBe(first);
  // Not before it is where others read it.
  expect(await keys.look(atMs + 20 * MINUTE_MS)).toBe(false);
  keys.published(atMs);
  expect(await keys.look(atMs + 9 * MINUTE_MS)).toBe(false);
  expect(await keys.look(atMs + 10 * MINUTE_MS)).toBe(true);
  expect(ids(keys)).toEqual([second, first]);
  expect(ids(await open())).toEqual([second, first]);
  await utimes(join(folder, "issuer-key-before.pem"), (atMs - 731 * MINUTE_MS) / 1_000, (atMs - 731 * MINUTE_MS) / 1_000);
  expect(await keys.look(atMs)).toBe(true);
  expect([ids(keys), await readdir(folder)]).toEqual([[second], ["issuer-key.pem"]]);
});

test("power that goes between the two writes leaves the key that signs, and the next one to follow", async () => {
  const [first = ""] = ids(await open());
  await makeNextKey(file);
  await copyFile(file, join(folder, "issuer-key-before.pem"));
  const keys = await open();
  expect(ids(keys)[0]).toBe(first);
  expect(ids(keys)).toHaveLength(2);
});

test("a key file that is cut short is named, and is not written over", async () => {
  await open();
  const whole = await readFile(file, "utf8");
  await writeFile(file, whole.slice(0, 300));
  await expect(open()).rejects.toThrow(/issuer-key\.pem: it holds no private key: put the right file back/);
  expect(await readFile(file, "utf8")).toBe(whole.slice(0, 300));
});
