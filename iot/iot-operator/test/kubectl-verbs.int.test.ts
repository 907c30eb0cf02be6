// What docs/kubectl.md says that kubectl prints of our kind, it prints, and nothing has changed.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { run } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningKubernetes, runKubernetes } from "./running-kubernetes.ts";
import { workload } from "./workload.ts";

const PAGE = fileURLToPath(new URL("../../../docs/kubectl.md", import.meta.url));
const ROW = /^\| `kubectl (?<args>[^`]+)` \| `(?<prints>[^`]+)` \|/gm;
const rows = [...readFileSync(PAGE, "utf8").matchAll(ROW)].map(({ groups: { args = "", prints = "" } = {} }): [string, string] => [
  args,
  prints,
]);

let kubernetes: RunningKubernetes;
beforeAll(async () => {
  kubernetes = await runKubernetes();
  await kubernetes.apply(workload("hello"));
});
afterAll(() => kubernetes?.server.stop());

test("there are rows", () => {
  expect(rows.length).toBeGreaterThan(15);
});

test.each(rows)("kubectl %s prints: %s", async (args, prints) => {
  const version = await kubernetes.ask("hello", "{.metadata.resourceVersion}");
  const { kubectlProgram, kubeconfig } = kubernetes.server;
  const argv = args.split(" ").map((word) => word.replaceAll("'", ""));
  const { exitCode, stderr } = await run([kubectlProgram, `--kubeconfig=${kubeconfig}`, ...argv], { allowExitCodes: [0, 1] });
  expect(stderr).toContain(prints);
  expect(exitCode).toBe(1);
  expect(await kubernetes.ask("hello", "{.metadata.resourceVersion}")).toBe(version);
});
