import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lookAtSecretStore, repairSecretStore, repairsOf } from "./secret-store.ts";

const OURS = "app_db.0123456789abcdef0123";
/** The list as Podman writes it. */
const list = (secrets: Readonly<Record<string, string>>, driver = "file"): string => {
  const entries = Object.entries(secrets);
  const all = {
    secrets: Object.fromEntries(entries.map(([id, name]) => [id, { name, driver, id, createdAt: "2026-01-01T00:00:00Z" }])),
    nameToID: Object.fromEntries(entries.map(([id, name]) => [name, id])),
    idToName: secrets,
  };
  return JSON.stringify(all, null, 2);
};
const data = (...ids: string[]): string => JSON.stringify(Object.fromEntries(ids.map((id) => [id, "dmFsdWU="])), null, 2);
const EMPTY = JSON.stringify({ secrets: {}, nameToID: {}, idToName: {} });
const whole = list({ a: OURS, b: "hers" });

describe("what can be read is left alone", () => {
  test.each([
    ["a store of which nothing is there", { list: null, data: null }],
    ["a whole one", { list: whole, data: data("a", "b") }],
    ["values that nothing lists", { list: null, data: data("a") }],
    ["a person's secret that has no value", { list: list({ b: "hers" }), data: null }],
    ["one that another driver keeps", { list: list({ a: OURS }, "pass"), data: null }],
    ["a list that is not what Podman writes today", { list: '{"secrets":{"a":null}}', data: "{}" }],
  ])("%s", (_, files) => {
    expect(repairsOf(files)).toEqual([]);
  });
});

describe("what cannot be read is replaced, and nothing else", () => {
  const emptied = { file: "secrets.json", text: EMPTY, isUnreadable: true };
  const noData = { file: "filedriver/secretsdata.json", text: "{}", isUnreadable: true };
  test.each([
    ["an empty list", "", emptied],
    ["a torn one", whole.slice(0, 70), emptied],
    ["one of zeros", "\0".repeat(512), emptied],
    ["one that is something else", "null", emptied],
  ])("%s", (_, torn, repair) => {
    expect(repairsOf({ list: torn, data: data("a", "b") })).toEqual([repair]);
  });

  test("values that are torn: the agent's secrets are taken from the list, where Podman could not remove them; a person's stay", () => {
    const rest = { file: "secrets.json", text: list({ b: "hers" }), isUnreadable: false };
    expect(repairsOf({ list: whole, data: data("a", "b").slice(0, 9) })).toEqual([noData, rest]);
    expect(repairsOf({ list: whole, data: data("b") })).toEqual([rest]);
    expect(repairsOf({ list: list({ b: "hers" }), data: "" })).toEqual([noData]);
    expect(repairsOf({ list: "", data: "" })).toEqual([noData, emptied]);
  });
});

describe("on disk", () => {
  let folder: string;
  const at = (name: string): string => join(folder, name);
  const untilWritten = (): Promise<void> => Promise.resolve();
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "store-"));
    await mkdir(at("filedriver"));
    await writeFile(at("secrets.json"), whole);
    await writeFile(at("filedriver/secretsdata.json"), data("a", "b"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("is in order where it is whole, where there is none, and where it cannot be seen", async () => {
    expect(await lookAtSecretStore(folder, { untilWritten })).toEqual({ kind: "in-order" });
    expect(await lookAtSecretStore(at("none"), { untilWritten })).toEqual({ kind: "in-order" });
    await rm(at("secrets.json"));
    await mkdir(at("secrets.json"));
    expect(await lookAtSecretStore(folder, { untilWritten })).toEqual({ kind: "in-order" });
  });

  test("what cannot be read is kept beside it, the last time's only", async () => {
    await writeFile(at("secrets.json.damaged"), "of before");
    await writeFile(at("secrets.json"), "{");
    expect(await lookAtSecretStore("/on/the/device", { seenAt: folder, untilWritten })).toEqual({
      kind: "damaged",
      folder: "/on/the/device",
      detail: "secrets.json cannot be read",
      isMendable: true,
    });
    await repairSecretStore(folder, untilWritten);
    expect(await lookAtSecretStore(folder, { untilWritten })).toEqual({ kind: "in-order" });
    expect(await readFile(at("secrets.json.damaged"), "utf8")).toBe("{");
    expect(await readFile(at("secrets.json"), "utf8")).toBe(EMPTY);
    expect((await readdir(folder)).toSorted()).toEqual(["filedriver", "secrets.json", "secrets.json.damaged"]);
  });

  test("what Podman was just writing is left to it", async () => {
    const goesOn = (): Promise<void> => writeFile(at("secrets.json"), whole);
    await writeFile(at("secrets.json"), "");
    expect(await lookAtSecretStore(folder, { untilWritten: goesOn })).toEqual({ kind: "in-order" });
    await writeFile(at("secrets.json"), "");
    await repairSecretStore(folder, goesOn);
    expect(await readFile(at("secrets.json"), "utf8")).toBe(whole);
    expect(await readdir(folder)).not.toContain("secrets.json.damaged");
  });
});
