// The agent's own files are byte for byte those of v0.1.0, so that an upgrade and a downgrade both
// read them.

import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { FIXTURE, whatIsWritten } from "../test/kept/what-is-written.ts";

test("what is written to the disk is what v0.1.0 wrote", async () => {
  expect(await whatIsWritten()).toEqual(JSON.parse(await readFile(FIXTURE, "utf8")));
});
