// Every reason that stands in the conditions of a Deployment, in /readyz and in the log of the
// operator has its line in docs/runbooks/reasons.md, and no line there is of none.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { KUBERNETES_ERROR_CODES } from "@harmony/kube-api";
import { FLEET_REASONS } from "@iot/fleet";
import { documentedReasons } from "@iot/testkit";
import { expect, test } from "vitest";
import { GIT_ERROR_CODES, OPERATOR_REASONS } from "./sources/reasons.ts";

const REASONS = readFileSync(join(import.meta.dirname, "../../../docs/runbooks/reasons.md"), "utf8");

test("every reason of a source or a fleet has its line", () => {
  const given = [OPERATOR_REASONS, GIT_ERROR_CODES, KUBERNETES_ERROR_CODES, FLEET_REASONS].flat();
  expect(given.filter((reason) => !documentedReasons(REASONS).includes(reason))).toEqual([]);
});

test("every line of a source or a fleet has its reason", () => {
  const given = new Set<string>([OPERATOR_REASONS, GIT_ERROR_CODES, KUBERNETES_ERROR_CODES, FLEET_REASONS].flat());
  const documented = documentedReasons(REASONS, ["Of a source", "Of a fleet"]);
  expect(documented.length).toBeGreaterThan(30);
  expect(documented.filter((reason) => !given.has(reason))).toEqual([]);
});
