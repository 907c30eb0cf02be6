import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLog } from "@harmony/runtime";
import { makeTempFolder, type TempFolder } from "@iot/testkit";
import { afterEach, assert, beforeEach, expect, test } from "vitest";
import { type SavedState, StateStore } from "./state-store.ts";

let temporary: TempFolder;
let folder: string;
let lines: string[];
let store: StateStore;

beforeEach(async () => {
  temporary = await makeTempFolder("state");
  folder = join(temporary.path, "state");
  lines = [];
  store = new StateStore({ folder, log: createLog({ name: "test", format: "text", write: (line) => void lines.push(line) }) });
});
afterEach(() => temporary.remove());

const saved = (revision: number): SavedState => ({
  format: 1,
  device: "pi-1",
  manifest: { revision, writtenAt: "2026-01-01T00:00:00Z" },
  deployments: {
    hello: {
      entry: { revision, generation: 1, uid: "u", source: "git", namespace: "default" },
      score: { revision, scoreString: "{}" },
      removing: false,
    },
  },
});

test("what is saved is loaded, for its owner alone", async () => {
  expect(await store.load("pi-1")).toBeNull();
  await store.save(saved(1));
  await store.save(saved(2));
  expect(await store.load("pi-1")).toEqual(saved(2));
  expect((await stat(join(folder, "desired-state.json"))).mode & 0o777).toBe(0o600);
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect(lines).toEqual([]);
});

test("of writes that overlap, the last one stands", async () => {
  await Promise.all([1, 2, 3, 4, 5].map((revision) => store.save(saved(revision))));
  expect(await store.load("pi-1")).toEqual(saved(5));
});

test("a process that died between temporary file and rename leaves the state before", async () => {
  await store.save(saved(1));
  await writeFile(join(folder, "desired-state.json.new"), JSON.stringify(saved(2)).slice(0, 40));
  expect(await store.load("pi-1")).toEqual(saved(1));
  await store.save(saved(3));
  expect(await store.load("pi-1")).toEqual(saved(3));
  expect(await readdir(folder)).toEqual(["desired-state.json"]);
});

test.each([
  ["truncated", JSON.stringify(saved(1)).slice(0, 50), "pi-1", "corrupt"],
  ["empty", "", "pi-1", "corrupt"],
  ["of foreign bytes", "\u0000\u0001", "pi-1", "corrupt"],
  ["of another format", JSON.stringify({ ...saved(1), format: 2 }), "pi-1", "corrupt"],
])("a file that is %s is kept aside and reported", async (_, text, device, suffix) => {
  await mkdir(folder);
  await writeFile(join(folder, "desired-state.json"), text);
  expect(await store.load(device)).toBeNull();
  expect(await readFile(join(folder, `desired-state.json.${suffix}`), "utf8")).toBe(text);
  expect(lines.join("")).toContain("saved desired state is not used");
  await store.save(saved(4));
  expect(await store.load("pi-1")).toEqual(saved(4));
});

test("what was sent under another id stays, until the device has that id again", async () => {
  await store.save({ ...saved(1), removed: [{ name: "gone", uid: "v", generation: 1, at: "2026-01-01T00:00:00Z" }] });
  const [hello, second] = [saved(1), saved(2)].map(({ deployments }) => deployments["hello"]);
  assert(hello !== undefined && second !== undefined);
  const renamed = await store.load("pi-2");
  expect(renamed).toEqual({
    ...saved(1),
    device: "pi-2",
    manifest: null,
    deployments: { hello: { ...hello, was: "pi-1" } },
    removed: [{ name: "gone", uid: "v", generation: 1, at: "2026-01-01T00:00:00Z" }],
  });
  expect(lines.join("")).toContain("another id than before");
  await store.save({ ...saved(1), device: "pi-2", deployments: { hello: { ...second, was: "pi-1" }, own: hello } });
  expect((await store.load("pi-3"))?.deployments).toMatchObject({ hello: { was: "pi-1" }, own: { was: "pi-2" } });
  expect((await store.load("pi-1"))?.deployments).toEqual({ hello: second, own: { ...hello, was: "pi-2" } });
});
