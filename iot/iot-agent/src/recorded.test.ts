// The files that agents of earlier releases have left on disk, and their answers over their socket,
// kept in iot/contracts/recorded: every later version reads them for ever, since a device is
// upgraded with its files.

import { cp, readdir, readFile } from "node:fs/promises";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileStartList, fileSwapJournal, openImageLedger } from "@harmony/podman";
import { createLog } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { asDeploymentName, Done, HeldUntil, LocalExplanation, LocalHistory, LocalStatus, Released } from "@iot/contracts";
import { makeTempFolder } from "@iot/testkit";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type * as z from "zod/mini";

import { History } from "./status/history.ts";
import { Holds } from "./reconcile/holds.ts";
import { StateStore } from "./desired/state-store.ts";

const RECORDED = join(import.meta.dirname, "../../contracts/recorded");
const releases = readdirSync(RECORDED).filter((name) => name.startsWith("v"));

const ANSWERS: readonly (readonly [string, z.ZodMiniType])[] = [
  ["status.json", LocalStatus],
  ["explanation.json", LocalExplanation],
  ["explanation-rolled-back.json", LocalExplanation],
  ["history.json", LocalHistory],
  ["hold.json", HeldUntil],
  ["release.json", Released],
  ["retry.json", Done],
];

describe.each(releases)("of %s", (release) => {
  const recorded = join(RECORDED, release);
  let folder: string;
  let remove: () => Promise<void>;
  /** The log collects every complaint about a file that cannot be read. */
  const lines: string[] = [];
  const log = createLog({ name: "recorded", format: "text", write: (line) => void lines.push(line) });
  const onCorrupt = ({ file }: { readonly file: string }): void => void lines.push(file);
  const json = async (file: string): Promise<unknown> => JSON.parse(await readFile(join(recorded, "state", file), "utf8"));

  beforeEach(async () => {
    const temporary = await makeTempFolder("recorded");
    [folder, remove] = [temporary.path, temporary.remove];
    await cp(join(recorded, "state"), folder, { recursive: true });
    lines.length = 0;
  });
  afterEach(async () => {
    await remove();
    expect(lines).toEqual([]);
  });

  test.each(ANSWERS)("the answer %s is read", async (file, schema) => {
    const text = await readFile(join(recorded, "local", file), "utf8");
    const document: unknown = JSON.parse(text);
    expect(parseJson(schema, text)).toEqual({ ok: true, value: document });
  });

  test("the desired state is read", async () => {
    expect(await new StateStore({ folder, log }).load("pi-1")).toEqual(await json("desired-state.json"));
  });

  test("the history is read", async () => {
    const history = new History({ folder, log });
    await history.load();
    const lineCount = (await readFile(join(recorded, "state/history.jsonl"), "utf8")).trimEnd().split("\n").length;
    expect(await history.written()).toHaveLength(lineCount);
    await history.close();
  });

  test("a hold is read", async () => {
    const setAt = /"setAt":"([^"]+)"/.exec(JSON.stringify(await json("holds.json")))?.[1] ?? "";
    const now = () => ({ uptimeMs: 0, wallMs: Date.parse(setAt) });
    const holds = new Holds({ folder, bootId: "of a later boot", log, now });
    await holds.load();
    expect(holds.get(asDeploymentName("held"))).toMatchObject({ reason: "calibration of the scale" });
    await holds.close();
  });

  test("the swap journals are read", async () => {
    const journal = fileSwapJournal({ folder: join(folder, "swaps"), onCorrupt });
    const files = await readdir(join(recorded, "state/swaps"));
    expect(files).toContain("swap.json");
    for (const file of files) expect(await journal.read(file.replace(/\.json$/, ""))).toEqual(await json(join("swaps", file)));
  });

  test("the start lists are read", async () => {
    const startList = fileStartList({ folder: join(folder, "start"), onCorrupt });
    expect(await startList.read("hello")).toEqual(["hello_web"]);
  });

  test("the ledger of images is read", async () => {
    const ledger = openImageLedger({ folder, bootId: "another", onCorrupt });
    expect(await ledger.pulled()).toEqual(Reflect.get(Object(await json("images.json")), "pulled"));
  });
});

test("a history that a newer agent has written loses nothing to an older one", async () => {
  const temporary = await makeTempFolder("newer");
  onTestFinished(() => temporary.remove());
  const file = join(temporary.path, "history.jsonl");
  await cp(join(RECORDED, "made-up-newer/history-unknown-phase.jsonl"), file);
  const before = await readFile(file, "utf8");
  const lines: string[] = [];
  const log = createLog({ name: "newer", format: "text", write: (line) => void lines.push(line) });
  const history = new History({ folder: temporary.path, log });
  await history.load();
  expect(history.last("swap")).toMatchObject({ phase: "Verifying" });
  await history.close();
  expect(await readFile(file, "utf8")).toBe(before);
  expect(lines).toEqual([]);
});
