// Names, labels, requests and files are byte for byte those of v0.1.0: one changed label makes
// every container anew on an upgrade.

import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { FIXTURE, whatIsWritten } from "../test/kept/what-is-written.ts";

test("what is written to Podman and to the disk is what v0.1.0 wrote", async () => {
  expect(await whatIsWritten()).toEqual(JSON.parse(await readFile(FIXTURE, "utf8")));
});
