// Every reason that a device or an operator can report has a line in docs/runbooks/reasons.md, and
// every page that is named there exists. The test finds reasons in the sources by their form:
// string literals in PascalCase.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const TOP = join(import.meta.dirname, "../../..");
const RUNBOOKS = join(TOP, "docs/runbooks");

/**
 * Literals of that form that are no reasons: names of errors, properties of systemd, kinds and
 * conditions of Kubernetes, words of sentences.
 */
const NO_REASONS = new Set(
  "AbortError MessagingError PodmanError StorageError TimeoutError ActiveState ExecMainStatus LoadState StatusText SubState Network Planned Podman GitError CustomResourceDefinition Namespace Deployment Ready Reconciling Stalled True Event Warning Normal".split(
    " ",
  ),
);

test("every reason has its line", () => {
  const files = ["harmony/podman", "harmony/core", "iot/iot-agent", "iot/iot-operator", "iot/messaging"].flatMap((district) =>
    globSync(`${district}/src/**/*.ts`, { cwd: TOP }).filter((file) => !file.endsWith(".test.ts")),
  );
  const found = files.flatMap((file) =>
    [...readFileSync(join(TOP, file), "utf8").matchAll(/"((?:[A-Z][a-z]+)+)"/g)].map(([, word = ""]) => word),
  );
  const reasons = new Set(found.filter((word) => !NO_REASONS.has(word)));
  expect(reasons).toContain("PortInUse");
  const text = readFileSync(join(RUNBOOKS, "reasons.md"), "utf8");
  expect([...reasons].filter((reason) => !text.includes(`\`${reason}\``))).toEqual([]);
});

test("every page that is named exists", () => {
  for (const page of ["README.md", "reasons.md"]) {
    const links = [...readFileSync(join(RUNBOOKS, page), "utf8").matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, link = ""]) => link);
    for (const link of links) expect(readFileSync(join(RUNBOOKS, link), "utf8")).toMatch(/^# /);
  }
});
