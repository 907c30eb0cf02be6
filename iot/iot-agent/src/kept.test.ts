// The agent's own files are byte for byte those of v0.1.0, so that an upgrade and a downgrade both
// read them. A line of the history has a number more, which 0.1 passes over.

import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { FIXTURE, whatIsWritten } from "../test/kept/what-is-written.ts";

test("what is written to the disk is what v0.1.0 wrote", async () => {
  const written = JSON.stringify(await whatIsWritten()).replaceAll(/,\\"n\\":\d+\}/g, "}");
  expect(JSON.parse(written)).toEqual(JSON.parse(await readFile(FIXTURE, "utf8")));
});
