// The ledger knows the pulls after the agent, or the device, was gone.

import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openImageLedger } from "./image-ledger.ts";

let folder: string;
const corrupt: string[] = [];
const onCorrupt = ({ keptAs }: { readonly keptAs: string }): void => void corrupt.push(keptAs);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "image-ledger-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("a pull that was under way is distinguished from one that the power cut", async () => {
  const first = openImageLedger({ folder, onCorrupt, bootId: "1" });
  expect(await first.pullState("x:1")).toBe("none");
  await first.pullBegins("x:1");
  expect(await openImageLedger({ folder, onCorrupt, bootId: "1" }).pullState("x:1")).toBe("begun");
  const later = openImageLedger({ folder, onCorrupt, bootId: "2" });
  expect(await later.pullState("x:1")).toBe("cut");
  // Beginning the pull again does not complete the layers that the cut has left.
  await later.pullBegins("x:1");
  expect(await later.pullState("x:1")).toBe("cut");
  await later.pullEnds("x:1", "id", 5);
  expect(await openImageLedger({ folder, onCorrupt, bootId: "3" }).pullState("x:1")).toBe("none");
});

test("an image is known by the references under which it was pulled", async () => {
  const ledger = openImageLedger({ folder, onCorrupt, bootId: "1" });
  await Promise.all([ledger.pullEnds("x:latest", "id", 5), ledger.pullEnds("x:1", "id", 6), ledger.pullEnds("y:1", null, 7)]);
  expect(await openImageLedger({ folder, onCorrupt, bootId: "1" }).pulled()).toEqual({ id: { atMs: 6, references: ["x:1", "x:latest"] } });
  await ledger.forget("id");
  expect(await openImageLedger({ folder, onCorrupt, bootId: "1" }).pulled()).toEqual({});
});

test("a file that cannot be read as one is kept aside and reported, and nothing is taken for ours", async () => {
  await writeFile(join(folder, "images.json"), '{"pulling":');
  const ledger = openImageLedger({ folder, onCorrupt, bootId: "1" });
  expect(await ledger.pulled()).toEqual({});
  expect(corrupt).toEqual([join(folder, "images.json.corrupt")]);
  expect(await readdir(folder)).toEqual(["images.json.corrupt"]);
});
