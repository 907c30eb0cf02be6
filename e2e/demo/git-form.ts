// The demo that needs no cluster: a repository, an operator that reads it, NATS, and an agent on one device. Each phase pushes and
// waits for what a person would see; the trace is taken from what each part logged about that very commit.

import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "@iot/testkit";
import { chooseDevice } from "./choose-device.ts";
import type { DemoDevice } from "./demo-device.ts";
import { orInterrupted } from "./interrupted.ts";
import type { LogEvent } from "./log-line.ts";
import { type Parts, startParts } from "./parts.ts";
import { type Story, trace } from "./story.ts";
import { deploymentYaml, README } from "./workload.ts";

export interface GitDemo {
  readonly story: Story;
  readonly parts: AsyncDisposableStack;
  readonly keep: boolean;
  readonly device: "own" | "simulated" | undefined;
  readonly signal: AbortSignal;
}

const DEPLOYMENT = "hello-world";
const WAIT_MS = 120_000;

export async function runGitDemo({ story, parts: stack, keep, device: wanted, signal }: GitDemo): Promise<void> {
  story.say("From git push to a container on a device, every part real.\n");
  let device: DemoDevice | undefined;
  let running: Parts | undefined;
  try {
    await story.phase("a device", async () => {
      device = await chooseDevice(wanted);
      stack.use(device);
      return device.description;
    });
    signal.throwIfAborted();
    if (device === undefined) throw new Error("no device");
    const onDevice = device;
    await story.phase("NATS, operator, agent", async () => {
      running = await startParts({ device: onDevice, story, stack });
      return "connected to NATS";
    });
    signal.throwIfAborted();
    if (running === undefined) throw new Error("no parts");
    await journey({ story, device: onDevice, parts: running, signal });
    if (keep) await yourTurn({ story, device: onDevice, parts: running, signal });
  } catch (error) {
    if (!signal.aborted) {
      story.fail(error);
      await story.testify();
      throw new Error("see above", { cause: error });
    }
    throw error;
  }
}

async function journey({
  story,
  device,
  parts,
  signal,
}: {
  story: Story;
  device: DemoDevice;
  parts: Parts;
  signal: AbortSignal;
}): Promise<void> {
  const push = async (phase: string, files: Record<string, string | null>, expectation: Expectation): Promise<void> => {
    await story.phase(phase, async () => {
      const startedAt = Date.now();
      const commit = await parts.repository.commit(files, phase);
      await parts.repository.push();
      return await orInterrupted(expectation({ startedAt, commit }), signal);
    });
  };
  const page = async (port: number): Promise<string> => {
    const response = await fetch(`http://${device.address}:${port}/`, { signal: AbortSignal.timeout(2_000) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return (await response.text()).replaceAll(/<[^>]*>|\s+/g, " ").trim();
  };
  /** Waits until the page of that version answers there, and tells the whole thread in milliseconds. */
  const answers =
    (version: string, port: number): Expectation =>
    async ({ startedAt, commit }) => {
      const { text, at } = await eventually(
        async () => {
          const text = await page(port);
          return text.includes(`version=${version}`) ? { text, at: Date.now() } : Promise.reject(new Error(`the page says "${text}"`));
        },
        { what: `version ${version} answers at http://${device.address}:${port}/`, timeoutMs: WAIT_MS },
      );
      if (!text.includes(device.id) || !text.includes(DEPLOYMENT))
        throw new Error(`the page shows neither device nor deployment: "${text}"`);
      const events = await parts.events();
      const after = (test: (event: LogEvent) => boolean): number | null =>
        events.find((event) => event.at >= startedAt && test(event))?.at ?? null;
      return trace([
        { label: "push", at: startedAt },
        { label: "seen", at: after(({ message, fields }) => message === "saw commit" && fields["commit"] === commit) },
        { label: "written", at: after(({ message, fields }) => message === "wrote desired state" && fields["deployment"] === DEPLOYMENT) },
        { label: "received", at: after(({ message }) => message.startsWith("received desired state")) },
        { label: "started", at: await device.startedAt(`${DEPLOYMENT}_hello`) },
        { label: "HTTP 200", at },
      ]);
    };

  await push(
    "push a workload",
    { "deployment.yaml": deploymentYaml({ device: device.id, image: device.image("1"), port: 8080 }), "README.md": README },
    answers("1", 8080),
  );
  await story.phase("curl its page", async () => {
    const { stdout } = await device.curl(8080);
    return stdout.replaceAll(/<[^>]*>|\s+/g, " ").trim();
  });
  await push(
    "edit image and port, push",
    { "deployment.yaml": deploymentYaml({ device: device.id, image: device.image("2"), port: 8081 }) },
    answers("2", 8081),
  );
  await push(
    "push an image that is not there",
    { "deployment.yaml": deploymentYaml({ device: device.id, image: device.image("no-such-version"), port: 8081 }) },
    async () => {
      const sentence = await eventually(
        async () => {
          const said = await parts.explain(DEPLOYMENT, device.id);
          return /no-such-version/.test(said) && /\b(not|cannot|denied)\b/i.test(said)
            ? said
            : Promise.reject(new Error(`iot explain says "${said}"`));
        },
        { what: "the device says what is wrong", timeoutMs: WAIT_MS },
      );
      const text = await page(8081);
      if (!text.includes("version=2")) throw new Error(`the old page is gone: "${text}"`);
      return `the old page still answers; iot explain says:\n${sentence
        .trim()
        .split("\n")
        .map((line) => `          ${line}`)
        .join("\n")}`;
    },
  );
  await push(
    "put it right, push",
    { "deployment.yaml": deploymentYaml({ device: device.id, image: device.image("1"), port: 8080 }) },
    answers("1", 8080),
  );
  await push("delete the file, push", { "deployment.yaml": null }, async ({ startedAt }) => {
    await eventually(
      async () => {
        const left = await device.containers();
        return left.length === 0 || Promise.reject(new Error(`podman ps -a shows ${left.join(", ")}`));
      },
      { what: "the container is gone", timeoutMs: WAIT_MS },
    );
    return trace([
      { label: "push", at: startedAt },
      { label: "gone", at: Date.now() },
    ]);
  });
}

type Expectation = (pushed: { startedAt: number; commit: string }) => Promise<string>;

async function yourTurn({
  story,
  device,
  parts,
  signal,
}: {
  story: Story;
  device: DemoDevice;
  parts: Parts;
  signal: AbortSignal;
}): Promise<void> {
  const { workPath } = parts.repository;
  await parts.repository.commit(
    { "deployment.yaml": deploymentYaml({ device: device.id, image: device.image("1"), port: 8080 }) },
    "your turn",
  );
  await parts.repository.push();
  const iot = `NATS_URL=${parts.natsUrl} npm run --silent iot --`;
  story.say(`
Your turn. It all runs until you press Ctrl-C.

  edit and push    cd ${workPath} && sed -i 's/:1$/:2/' deployment.yaml && git commit -qam "version 2" && git push -q
  break it         cd ${workPath} && sed -i 's/image:.*/image: no.such.registry\\/hello:1/' deployment.yaml && git commit -qam "break it" && git push -q
  its page         curl http://${device.address}:8080/
  what runs        ${iot} status
  why              ${iot} explain ${DEPLOYMENT}
${device.lookAround.map(({ title, command }) => `  ${title.padEnd(16)} ${command}`).join("\n")}
`);
  await pause(2 ** 31 - 1, undefined, { signal }).catch(() => undefined);
}
