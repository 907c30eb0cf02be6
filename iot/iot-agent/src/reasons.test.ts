// Every reason that a device reports, or that is given of one, has its line in
// docs/runbooks/reasons.md, no line there is of none, and every page that is named exists.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CORE_REASONS, PHASES, UNABLE_REASONS } from "@harmony/core";
import { PODMAN_REASONS } from "@harmony/podman";
import { READER_REASONS } from "@iot/contracts";
import { DISCONNECTED_REASONS, MESSAGING_ERROR_CODES, STORE_REASONS } from "@iot/messaging";
import { documentedReasons } from "@iot/testkit";
import { expect, test } from "vitest";
import { ASKING_REASONS } from "./asking/reasons.ts";
import { AGENT_REASONS } from "./desired/reasons.ts";

const RUNBOOKS = join(import.meta.dirname, "../../../docs/runbooks");
const SECTIONS = ["Of a deployment", "Of the device", "Of the connection to NATS"];

test("every reason has its line, and every line its reason", () => {
  const given = [
    CORE_REASONS,
    PHASES,
    PODMAN_REASONS,
    READER_REASONS,
    MESSAGING_ERROR_CODES,
    STORE_REASONS,
    DISCONNECTED_REASONS,
    AGENT_REASONS,
  ];
  const documented = documentedReasons(readFileSync(join(RUNBOOKS, "reasons.md"), "utf8"), SECTIONS);
  expect(documented.toSorted()).toEqual([...new Set<string>(given.flat())].toSorted());
});

test("so has every reason for which a question from afar is not answered", () => {
  const documented = documentedReasons(readFileSync(join(RUNBOOKS, "reasons.md"), "utf8"), ["Of a question from afar"]);
  expect(documented.toSorted()).toEqual([...UNABLE_REASONS, ...ASKING_REASONS].toSorted());
});

test("every page that is named exists", () => {
  for (const page of ["README.md", "reasons.md"]) {
    const links = [...readFileSync(join(RUNBOOKS, page), "utf8").matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, link = ""]) => link);
    for (const link of links) expect(readFileSync(join(RUNBOOKS, link), "utf8")).toMatch(/^# /);
  }
});
