// One journey with Argo CD: a push is applied, runs on the device, and Argo CD knows whether it
// does. The steps build upon each other.

import { eventually } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deploymentYaml } from "../world/workload.ts";
import { type Platform, startPlatform } from "./platform.ts";

const FILE = "plant-1/deployment.yaml";
const PORT = 8080;
const WAIT = { timeoutMs: 60_000 };
const DEPLOYMENT = ["deployments.iot.nationtech.io", "hello-world", "--namespace", "iot-demo"];

const stack = new AsyncDisposableStack();
let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform(stack);
});
afterAll(() => stack.disposeAsync());

test("a push becomes a Deployment; Progressing, because its device is not there yet", async () => {
  const commit = await platform.push({ [FILE]: workload("1") });
  const { application, kubernetes } = platform;
  await eventually(() => sees("Progressing", /./), { what: "Argo CD sees it Progressing", ...WAIT });
  // While the health stays the same, Argo CD reads the message only at its next refresh.
  await kubernetes.kubectl(["wait", ...DEPLOYMENT, "--for=condition=Reconciling", "--timeout=60s"]);
  await application.refresh();
  await eventually(() => sees("Progressing", /1 is offline and will follow/), { what: "Argo CD has the operator's words", ...WAIT });
  expect(await application.revision()).toBe(commit);
});

test("the container answers when the device is there; Healthy", async () => {
  await platform.device.startAgent({ natsUrl: platform.nats.url });
  await eventually(() => pageSays("version=1"), { what: "the page of version 1", ...WAIT });
  await eventually(() => sees("Healthy", /^1 of 1 runs it$/), { what: "Argo CD sees it Healthy", ...WAIT });
});

test("changes of its status that are none of its health have Argo CD refresh nothing; a change by hand is put back", async () => {
  const [eventsBefore, logBefore] = [await deploymentEvents(), new Set(controllerLog())];
  const writes = 20;
  for (let offline = 1; offline <= writes; offline++) {
    const status = { aggregate: { offline } };
    await platform.kubernetes.kubectl([
      "patch",
      ...DEPLOYMENT,
      "--subresource=status",
      "--type=merge",
      "--patch",
      JSON.stringify({ status }),
    ]);
  }
  const arrived = async (): Promise<boolean> => (await deploymentEvents()) >= eventsBefore + writes;
  await eventually(arrived, { what: "the controller has got every change", ...WAIT });

  const spec = { targetDevices: [platform.device.id, "another"] };
  await platform.kubernetes.kubectl(["patch", ...DEPLOYMENT, "--type=merge", "--patch", JSON.stringify({ spec })]);
  const targets = ["get", ...DEPLOYMENT, "-o", "jsonpath={.spec.targetDevices}"];
  const putBack = async (): Promise<boolean> => (await platform.kubernetes.kubectl(targets)) === JSON.stringify([platform.device.id]);
  await eventually(putBack, { what: "Argo CD puts back what was changed by hand", ...WAIT });

  // Events come in order. The lines that the controller logged until it saw the change by hand are
  // all that the events before it caused.
  const log = controllerLog().filter((line) => !logBefore.has(line));
  const seen = /Updated sync status: Synced .* OutOfSync/;
  expect(log).toContainEqual(expect.stringMatching(seen));
  const until = log.slice(
    0,
    log.findIndex((line) => seen.test(line)),
  );
  const refreshes = until.filter((line) => line.includes("Requesting app refresh caused by object update"));
  // The change by hand counts as one. The Deployment becomes Progressing and then leaves it, which
  // can be two more.
  expect(refreshes.slice(3)).toEqual([]);
});

test("an edit replaces the container", async () => {
  // The file leaves out a field with a default. The API server puts it in, and Argo CD sees no
  // difference.
  const commit = await platform.push({ [FILE]: workload("2").replace(/  rollout:\n.*\n/, "") });
  await eventually(() => pageSays("version=2"), { what: "the page of version 2", ...WAIT });
  await eventually(() => sees("Healthy", /^1 of 1 runs it$/), { what: "Argo CD sees it Healthy", ...WAIT });
  expect(await platform.application.revision()).toBe(commit);
});

test("an image that is not there shows as Degraded with the device's sentence, and the old page answers", async () => {
  await platform.push({ [FILE]: workload("no-such-version") });
  await eventually(() => sees("Degraded", /0 of 1 run it; 1 does not \(.*no-such-version/), { what: "Argo CD sees it Degraded", ...WAIT });
  expect(await pageSays("version=2")).toBe(true);
});

test("put right, it is Healthy again", async () => {
  await platform.push({ [FILE]: workload("1") });
  await eventually(() => pageSays("version=1"), { what: "the page of version 1", ...WAIT });
  await eventually(() => sees("Healthy", /^1 of 1 runs it$/), { what: "Argo CD sees it Healthy", ...WAIT });
});

test("a Score that the device rejects is Stalled, and so Degraded", async () => {
  await platform.push({ [FILE]: workload("2").replace("image:", "imgae:") });
  await eventually(() => sees("Degraded", /imgae/), { what: "Argo CD sees it Degraded", ...WAIT });
  const stalled = 'jsonpath={.status.conditions[?(@.type=="Stalled")].reason}';
  expect(await platform.kubernetes.kubectl(["get", ...DEPLOYMENT, "-o", stalled])).toBe("Rejected");
});

test("the file deleted, the container goes", async () => {
  await platform.push({ [FILE]: null });
  const gone = async (): Promise<boolean> => (await platform.device.containers()).length === 0;
  await eventually(gone, { what: "no container is left", ...WAIT });
  const pruned = async (): Promise<boolean> =>
    (await platform.kubernetes.kubectl(["get", "deployments.iot.nationtech.io", "--all-namespaces", "-o", "name"])) === "";
  await eventually(pruned, { what: "no Deployment is left", ...WAIT });
  await eventually(async () => (await platform.application.sync()) === "Synced", { what: "Argo CD has nothing left to do", ...WAIT });
});

test("the Application's status showed every health in its turn", () => {
  const seen = platform.application.history().join(" ");
  expect(seen).toMatch(/Progressing .*Healthy .*Degraded .*Healthy .*Degraded/);
});

function workload(version: string): string {
  const { device } = platform;
  return deploymentYaml({ device: device.id, image: device.image(version), port: PORT });
}

async function pageSays(text: string): Promise<boolean> {
  const response = await fetch(`http://${platform.device.address}:${PORT}/`, { signal: AbortSignal.timeout(2_000) });
  const page = await response.text();
  if (!page.includes(text)) throw new Error(`the page says: ${page.trim()}`);
  return true;
}

async function sees(health: string, message: RegExp): Promise<boolean> {
  const { application, operator } = platform;
  const [is, says, sync] = await Promise.all([application.health(), application.message(), application.sync()]);
  if (is === health && message.test(says) && sync === "Synced") return true;
  throw new Error(
    `the Application is ${sync}, ${is}: "${says}"; the operator's last words:\n${operator.log().split("\n").slice(-8).join("\n")}`,
  );
}

/** The number of events of our kind that the controller has received. */
async function deploymentEvents(): Promise<number> {
  const line = (await platform.argoCd.metrics())
    .split("\n")
    .find((text) => text.startsWith('argocd_cluster_events_total{group="iot.nationtech.io"'));
  return Number(line?.split(" ").at(-1) ?? 0);
}

function controllerLog(): readonly string[] {
  return platform.argoCd.log().split("\n");
}
