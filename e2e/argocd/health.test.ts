// The health that Argo CD derives from a Deployment's conditions, by its own program and with the
// settings that we ship, without a cluster.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { argoCdAssets, makeTempFolder, run } from "@iot/testkit";
import { beforeAll, afterAll, expect, test } from "vitest";
import { DEPLOY } from "./files.ts";

const IMAGE = "0 of 1 runs it; 1 does not (ImageNotFound on pi-01: there is no image hello:3)";

let folder: Awaited<ReturnType<typeof makeTempFolder>>;
let settings: string;
beforeAll(async () => {
  folder = await makeTempFolder("argocd-health");
  settings = join(folder.path, "argocd-cm.yaml");
  const head = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: argocd-cm, labels: { app.kubernetes.io/part-of: argocd } }\n";
  await writeFile(settings, `${head}${await readFile(join(DEPLOY, "argocd/argocd-cm-patch.yaml"), "utf8")}`);
});
afterAll(() => folder?.remove());

const cases: readonly (readonly [what: string, generation: number, status: Status | undefined, health: string, message: string])[] = [
  ["no status yet", 1, undefined, "Progressing", "waiting for the iot-operator to take up this change"],
  [
    "a status of the generation before",
    2,
    { observedGeneration: 1, conditions: [condition("Ready", "True", "1 of 1 runs it", 1)] },
    "Progressing",
    "waiting for the iot-operator to take up this change",
  ],
  [
    "a condition of the generation before",
    2,
    { observedGeneration: 2, conditions: [condition("Ready", "True", "1 of 1 runs it", 1)] },
    "Progressing",
    "waiting for the iot-operator to take up this change",
  ],
  ["devices on the way", 2, reported("0 of 1 runs it; 1 is on the way"), "Progressing", "0 of 1 runs it; 1 is on the way"],
  [
    "no device online",
    2,
    reported("0 of 1 runs it; 1 is offline and will follow"),
    "Progressing",
    "0 of 1 runs it; 1 is offline and will follow",
  ],
  ["all run it", 2, reported("1 of 1 runs it", { ready: "True" }), "Healthy", "1 of 1 runs it"],
  [
    "some are offline",
    2,
    reported("3 of 4 run it; 1 is offline and will follow", { ready: "True" }),
    "Healthy",
    "3 of 4 run it; 1 is offline and will follow",
  ],
  ["a device fails, and tries again", 2, reported(IMAGE, { failed: 1 }), "Degraded", IMAGE],
  ["stalled", 2, reported("its Score is 140 KiB", { stalled: "True" }), "Degraded", "its Score is 140 KiB"],
];

test.each(cases)("%s", async (_what, generation, status, health, message) => {
  expect(await healthOf({ generation, status })).toBe(`STATUS: ${health}\nMESSAGE: ${message}\n`);
});

test("the check in the patch is health.lua", async () => {
  const [lua, patch] = await Promise.all(
    ["health.lua", "argocd-cm-patch.yaml"].map((name) => readFile(join(DEPLOY, "argocd", name), "utf8")),
  );
  const indented = lua?.replaceAll(/^(?=.)/gm, "    ");
  expect(patch?.split("health.iot.nationtech.io_Deployment: |\n")[1]).toBe(indented);
});

interface Status {
  readonly observedGeneration: number;
  readonly conditions: readonly object[];
  readonly aggregate?: { readonly failed: number };
}

function condition(type: string, status: "True" | "False", message: string, observedGeneration: number): object {
  return { type, status, message, observedGeneration, reason: "Tested", lastTransitionTime: "2026-01-01T00:00:00Z" };
}

/** A status of generation 2 as the operator writes it. */
function reported(
  message: string,
  {
    ready = "False",
    stalled = "False",
    failed = 0,
  }: { readonly ready?: "True" | "False"; readonly stalled?: "True" | "False"; readonly failed?: number } = {},
): Status {
  const reconciling = ready === "True" || stalled === "True" ? "False" : "True";
  const conditions = (
    [
      ["Ready", ready],
      ["Reconciling", reconciling],
      ["Stalled", stalled],
    ] as const
  ).map(([type, is]) => condition(type, is, message, 2));
  return { observedGeneration: 2, conditions, aggregate: { failed } };
}

async function healthOf({ generation, status }: { readonly generation: number; readonly status: Status | undefined }): Promise<string> {
  const metadata = { name: "hello-world", namespace: "iot-demo", generation };
  const resource = { apiVersion: "iot.nationtech.io/v1alpha1", kind: "Deployment", metadata, spec: {}, status };
  const file = join(folder.path, "deployment.json");
  await writeFile(file, JSON.stringify(resource));
  const { program } = await argoCdAssets();
  const command = ["admin", "settings", "resource-overrides", "health", file, "--argocd-cm-path", settings];
  return (await run([program, ...command], { env: { ARGOCD_BINARY_NAME: "argocd" } })).stdout;
}
