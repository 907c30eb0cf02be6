// The demo in the mission's form: a cluster and a device that already run. Applies iot/scripts/demo-deployment.yaml, waits for the page
// at the device's address, deletes, waits until the container is gone.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually, run } from "@iot/testkit";
import { orInterrupted } from "./interrupted.ts";
import { messages, type Story } from "./story.ts";

const MANIFEST = join(import.meta.dirname, "../../iot/scripts/demo-deployment.yaml");
const RUN_WAIT_MS = 120_000;
const REMOVE_WAIT_MS = 60_000;

export async function runKubernetesDemo(options: {
  story: Story;
  parts: AsyncDisposableStack;
  host: string;
  signal: AbortSignal;
}): Promise<void> {
  const { story, parts, host, signal } = options;
  const manifest = process.env["DEMO_MANIFEST"] ?? MANIFEST;
  const ssh = (process.env["DEMO_SSH"] ?? `ssh -o BatchMode=yes -o ConnectTimeout=10 iot-agent@${host}`).split(" ");
  const onDevice = async (command: string): Promise<string> => (await run([...ssh, command], { timeoutMs: 30_000 })).stdout.trim();
  const kubectl = async (...args: string[]): Promise<string> => (await run(["kubectl", ...args])).stdout.trim();
  const resource = ["--filename", manifest];
  const port = /ports:\s*\[\s*"(?:[\d.]+:)?(\d+):/.exec(await readFile(manifest, "utf8"))?.[1] ?? "8080";
  const url = `http://${host}:${port}/`;

  story.say(
    `Against the cluster ${await kubectl("config", "current-context").catch(() => "of the current kubeconfig")} and the device at ${host}.\n`,
  );
  story.witness("the resource", () => kubectl("get", ...resource, "--output", "jsonpath={.status}"));
  story.witness("the agent's journal", () => onDevice("journalctl --unit iot-agent --lines 12 --no-pager --output cat"));
  try {
    await story.phase("device reachable, agent runs", async () => {
      const state = await onDevice("systemctl is-active iot-agent").catch((cause: unknown) => {
        throw new Error(
          `no active iot-agent at ${host}: is the address right, does "${ssh.join(" ")}" let you in, and is the agent installed?`,
          { cause },
        );
      });
      return `iot-agent is ${state}`;
    });
    await story.phase("apply", async () => {
      parts.defer(async () => void (await kubectl("delete", ...resource, "--ignore-not-found", "--wait=false")));
      const namespace = /^\s+namespace:\s*(\S+)/m.exec(await readFile(manifest, "utf8"))?.[1] ?? "default";
      await run(["kubectl", "create", "namespace", namespace], { allowExitCodes: [0, 1] });
      return await kubectl("apply", ...resource);
    });
    const page = await (async (): Promise<string> => {
      let text = "";
      await story.phase("its page answers", async () => {
        text = await orInterrupted(
          eventually(
            async () => {
              const response = await fetch(url, { signal: AbortSignal.timeout(3_000) });
              return response.ok ? await response.text() : Promise.reject(new Error(`${url} answers ${response.status}`));
            },
            { what: `${url} answers`, timeoutMs: RUN_WAIT_MS },
          ),
          signal,
        );
        return url;
      });
      return text;
    })();
    story.say(
      `        ${page
        .replaceAll(/<[^>]*>|\s+/g, " ")
        .trim()
        .slice(0, 120)}`,
    );
    await story.phase("delete", () => kubectl("delete", ...resource, "--wait=false"));
    await story.phase("the container is gone", async () => {
      await orInterrupted(
        eventually(
          async () => {
            const left = await onDevice("podman ps --all --filter label=io.nationtech.iot.deployment=hello-world --format '{{.Names}}'");
            return left === "" || Promise.reject(new Error(`podman ps -a shows ${left}`));
          },
          { what: "the container is gone", timeoutMs: REMOVE_WAIT_MS },
        ),
        signal,
      );
      return "podman ps is empty";
    });
  } catch (error) {
    if (signal.aborted) throw error;
    story.fail(error);
    await story.testify();
    throw new Error(messages(error), { cause: error });
  }
}
