// The demo with two devices: one push reaches both, a person asks both from the chair, and the one
// whose cable was out follows when it is plugged in. Both are simulated.

import { join } from "node:path";
import { abortable } from "@harmony/runtime";
import { eventually, run } from "@iot/testkit";
import { DEVICE_ID } from "../world/demo-device.ts";
import { type SimulatedDevice, startSimulatedDevice } from "../world/simulated-device.ts";
import { deploymentYaml } from "../world/workload.ts";
import { type Parts, startParts } from "./parts.ts";
import type { Story } from "./story.ts";

export interface TwoDevicesDemo {
  readonly story: Story;
  readonly parts: AsyncDisposableStack;
  readonly signal: AbortSignal;
}

const IOT = join(import.meta.dirname, "../../iot/iot-cli/src/main.ts");
const DEPLOYMENT = "hello-world";
const SECOND_ID = "pi-demo-02";
const WAIT_MS = 120_000;

export async function runTwoDevicesDemo({ story, parts: stack, signal }: TwoDevicesDemo): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error("two devices are simulated, which needs root; with your own Podman there is one");
  story.say("One git push to two devices, and what a person asks them from the chair. Every part is real.\n");
  const [first, second] = await story.phase(
    "two devices",
    async () => {
      const both = await Promise.all([DEVICE_ID, SECOND_ID].map((id) => startSimulatedDevice({ id })));
      for (const device of both) stack.use(device);
      return [one(both[0]), one(both[1])] as const;
    },
    (both) => both.map(({ id }) => id).join(" and "),
  );
  signal.throwIfAborted();
  const parts = await story.phase(
    "NATS, operator, agents",
    async () => {
      const started = await startParts({ device: first, story, stack });
      await started.admit(second);
      return started;
    },
    () => "both connected to NATS",
  );
  await abortable(journey({ story, parts, first, second }), signal);
}

interface Thread {
  readonly story: Story;
  readonly parts: Parts;
  readonly first: SimulatedDevice;
  readonly second: SimulatedDevice;
}

async function journey({ story, parts, first, second }: Thread): Promise<void> {
  const [port] = first.ports;
  const push = async (version: string): Promise<void> => {
    const one = deploymentYaml({ device: first.id, image: first.image(version), port });
    await parts.repository.commit(
      { "deployment.yaml": one.replace(`    - ${first.id}\n`, `$&    - ${second.id}\n`) },
      `version ${version}`,
    );
    await parts.repository.push();
  };
  const answers = (device: SimulatedDevice, version: string): Promise<true> =>
    eventually(async () => (await device.curl(port)).stdout.includes(`version=${version}`), {
      what: `version ${version} answers on ${device.id}`,
      timeoutMs: WAIT_MS,
    });
  const iot = async (...args: string[]): Promise<string> =>
    (await run([process.execPath, IOT, ...args], { env: parts.environment })).stdout.trimEnd();

  await story.phase("push to both", async () => {
    await push("1");
    await Promise.all([answers(first, "1"), answers(second, "1")]);
    return "version 1 answers on both";
  });
  await story.phase("iot devices", async () => `\n${await iot("devices")}`);
  await story.phase("iot logs of both", async () => {
    const lines = await iot("logs", DEPLOYMENT, "--all-devices", "--tail", "2");
    for (const { id } of [first, second]) if (!lines.includes(`[${id}] `)) throw new Error(`iot logs shows nothing of ${id}: ${lines}`);
    return `\n${lines}`;
  });
  await story.phase("cut one's cable, push", async () => {
    await second.cutNetwork();
    await push("2");
    await answers(first, "2");
    return `version 2 answers on ${first.id}; ${second.id} is cut off, and will follow`;
  });
  await story.phase("plug it in", async () => {
    await second.restoreNetwork();
    await answers(second, "2");
    return `${second.id} follows: version 2 answers there, too`;
  });
  for (const { id } of [first, second]) {
    await story.phase(`iot trace ${id}`, () =>
      eventually(
        async () => {
          const said = await iot("trace", DEPLOYMENT, id);
          return said.includes("healthy") ? `\n${said}` : Promise.reject(new Error(said));
        },
        { what: `${id} says how version 2 came about`, timeoutMs: WAIT_MS },
      ),
    );
  }
  await story.phase("iot exec", async () => {
    await second.exec(["sh", "-c", "printf '[remote]\\nexec = true\\n' >>/etc/iot-agent/config.toml; systemctl restart iot-agent"]);
    return eventually(() => iot("exec", DEPLOYMENT, second.id, "--", "/bin/sh", "-c", "echo from within $IOT_DEVICE_ID"), {
      what: `${second.id} runs a command`,
      timeoutMs: WAIT_MS,
    });
  });
  await story.phase("iot audit", async () => `\n${await iot("audit", second.id, "--last", "2")}`);
  await story.phase("iot history", async () => `\n${await iot("history", DEPLOYMENT, second.id)}`);
}

function one(device: SimulatedDevice | undefined): SimulatedDevice {
  if (device === undefined) throw new Error("there is no device");
  return device;
}
