// The demo in the mission's form: a cluster and a device that already run. It applies
// iot/scripts/demo-deployment.yaml, waits for the container and its page at the device's address,
// deletes, and waits until the container is gone. It does not touch what was there before.

import { join } from "node:path";
import { abortable } from "@harmony/runtime";
import { eventually, run, type RunResult } from "@iot/testkit";
import type { Story } from "./story.ts";

const TOP = join(import.meta.dirname, "../..");
const RUN_WAIT_MS = 120_000;
const REMOVE_WAIT_MS = 60_000;

export async function runKubernetesDemo(options: {
  story: Story;
  parts: AsyncDisposableStack;
  host: string;
  signal: AbortSignal;
}): Promise<void> {
  const { story, parts, host, signal } = options;
  const manifest = process.env["DEMO_MANIFEST"] ?? join(TOP, "iot/scripts/demo-deployment.yaml");
  const device = deviceBySsh(host);
  const kubectl = async (...args: string[]): Promise<string> => (await run(["kubectl", ...args], { timeoutMs: 30_000 })).stdout.trim();
  const resource = ["--filename", manifest];
  const within = <T>(work: Promise<T>): Promise<T> => abortable(work, signal);

  const context = await kubectl("config", "current-context").catch(() => "of the current kubeconfig");
  story.say(`Against the cluster ${context} and the device at ${host}.\n`);
  await story.phase("device reachable", () => within(device.reach()));
  story.witness("the agent's journal", () => device.run("journalctl --unit iot-agent --lines 12 --no-pager --output cat 2>&1"));
  await story.phase("agent runs", () => within(device.agentState()));
  const workload = await story.phase(
    "cluster reachable",
    () => within(readManifest(kubectl, manifest)),
    ({ name, namespace, targets }) => `to apply: ${name} in ${namespace}, for ${targets.join(", ")}`,
  );
  story.witness("the resource's status", () => kubectl("get", ...resource, "--output", "jsonpath={.status}"));
  if (process.env["NATS_URL"] !== undefined) {
    story.witness("iot explain", () => iot("explain", workload.name));
    await story.phase(
      "NATS answers",
      () => within(iot("status")),
      (text) => text.split("\n").at(-1) ?? "",
    );
  }

  await story.phase("apply", async () => {
    if (await makeNamespace(workload.namespace))
      parts.defer(async () => void (await kubectl("delete", "namespace", workload.namespace, "--wait=false")));
    parts.defer(async () => void (await kubectl("delete", ...resource, "--ignore-not-found", "--wait=false")));
    return await kubectl("apply", ...resource);
  });
  await story.phase("the container runs", () =>
    within(
      eventually(
        async () => {
          const running = await device.containers(workload.name, "--filter status=running");
          return running !== "" ? running : Promise.reject(new Error(`no container of ${workload.name} runs there`));
        },
        { what: `${workload.name} runs on ${host}`, timeoutMs: RUN_WAIT_MS, intervalMs: 250 },
      ),
    ),
  );
  const url = `http://${host}:${workload.port}/`;
  await story.phase("curl its page", () =>
    within(eventually(() => readPage(url), { what: `${url} answers`, timeoutMs: 10_000, intervalMs: 250 })).then(
      (page) => `${url}\n${page}`,
    ),
  );
  await story.phase("delete", () => kubectl("delete", ...resource, "--wait=false"));
  await story.phase("the container is gone", () =>
    within(
      eventually(
        async () => {
          const left = await device.containers(workload.name);
          return left === "" ? "podman ps -a shows none" : Promise.reject(new Error(`podman ps -a shows ${left}`));
        },
        { what: "the container is gone", timeoutMs: REMOVE_WAIT_MS, intervalMs: 250 },
      ),
    ),
  ); // The operator removes its finalizer when the keys are gone, perhaps after the device has followed.
  await story.phase("the Deployment is gone", () => kubectl("wait", "--for=delete", ...resource, `--timeout=${REMOVE_WAIT_MS / 1_000}s`));
}

interface DeviceBySsh {
  run(command: string): Promise<string>;
  /** Gives the system's name. @throws Error when it does not let us in. */
  reach(): Promise<string>;
  /** @throws Error when no agent runs there. */
  agentState(): Promise<string>;
  /** The names of a deployment's containers there. */
  containers(deployment: string, filter?: string): Promise<string>;
}

function deviceBySsh(host: string): DeviceBySsh {
  const command = process.env["DEMO_SSH"] ?? `ssh -o BatchMode=yes -o ConnectTimeout=10 iot-agent@${host}`;
  const there = (text: string, exitCodes = [0]): Promise<RunResult> =>
    run([...command.split(" "), text], { timeoutMs: 30_000, allowExitCodes: exitCodes });
  const runThere = async (text: string): Promise<string> => (await there(text)).stdout.trim();
  return {
    run: runThere,
    reach: () =>
      runThere("uname -nsrm").catch((error: unknown) => {
        const said = error instanceof Error ? error.message.split("\n").at(-1) : "";
        throw new Error(
          `cannot reach the device at ${host}: ${said}\nIs it on, is the address right, and does it let you in with "${command}"? DEMO_SSH names another command.`,
        );
      }),
    agentState: async () => {
      const { stdout, stderr } = await there("systemctl is-active iot-agent", [0, 3, 4]);
      const state = stdout.trim() || stderr.trim();
      if (state === "active") return "systemctl says active";
      throw new Error(
        `the agent on ${host} does not run: systemctl says "${state}"; start it there (sudo systemctl start iot-agent), or see why it ends (sudo journalctl -u iot-agent)`,
      );
    },
    containers: (deployment, filter = "") =>
      runThere(`podman ps --all --filter label=io.nationtech.iot.deployment=${deployment} ${filter} --format '{{.Names}}'`),
  };
}

interface Workload {
  readonly name: string;
  readonly namespace: string;
  readonly targets: readonly string[];
  /** The port on the device. */
  readonly port: string;
}

/**
 * Reads the manifest as the cluster understands it. @throws Error when the cluster does not know
 * the kind, or has the resource already.
 */
async function readManifest(kubectl: (...args: string[]) => Promise<string>, manifest: string): Promise<Workload> {
  const score = "{.spec.score.data.services[0].ports[0]}";
  const path = `jsonpath={.metadata.name} {.metadata.namespace} ${score} {.spec.targetDevices[*]}`;
  const read = await kubectl("create", "--dry-run=client", "--filename", manifest, "--output", path);
  const [name = "", namespace = "", ports = "", ...targets] = read.split(" ");
  const there = await kubectl("get", "--filename", manifest, "--ignore-not-found", "--output", "name");
  if (there !== "")
    throw new Error(`the cluster already has ${there} in ${namespace}: delete it first (kubectl delete --filename ${manifest})`);
  return { name, namespace, targets, port: ports.split(":").at(-2) ?? "8080" };
}

/** Returns false if it existed before. */
async function makeNamespace(namespace: string): Promise<boolean> {
  const { stdout } = await run(["kubectl", "get", "namespace", namespace, "--ignore-not-found", "--output", "name"]);
  if (stdout.trim() !== "") return false;
  await run(["kubectl", "create", "namespace", namespace]);
  return true;
}

async function readPage(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(3_000) });
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return (await response.text())
    .replaceAll(/<style>.*?<\/style>|<[^>]*>|\s+/gs, " ")
    .trim()
    .slice(0, 120);
}

async function iot(...args: string[]): Promise<string> {
  return (await run([process.execPath, join(TOP, "iot/iot-cli/src/main.ts"), ...args], { timeoutMs: 30_000 })).stdout.trim();
}
