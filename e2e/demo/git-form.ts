// The demo that needs no cluster: a repository, an operator that reads it, NATS, and an agent on
// one device. Each phase pushes and waits for what a person would see. The trace comes from the log
// lines of each part about that very commit.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { abortable } from "@harmony/runtime";
import { bundle, IOT, versionOfCommit } from "@iot/build";
import { eventually, makeTempFolder } from "@iot/testkit";
import { chooseDevice } from "./choose-device.ts";
import type { DemoDevice } from "../world/demo-device.ts";
import type { LogEvent } from "./log-line.ts";
import { type Parts, startParts } from "./parts.ts";
import { type Story, trace } from "./story.ts";
import { deploymentYaml, README } from "../world/workload.ts";

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
  const device = await story.phase(
    "a device",
    async () => stack.use(await chooseDevice(wanted)),
    ({ description }) => description,
  );
  signal.throwIfAborted();
  const parts = await story.phase(
    "NATS, operator, agent",
    () => startParts({ device, story, stack }),
    () => "connected to NATS",
  );
  signal.throwIfAborted();
  const thread = { story, device, parts, signal };
  await journey(thread);
  if (keep) await yourTurn(thread, await installIot(stack, parts.environment));
}

interface Thread {
  readonly story: Story;
  readonly device: DemoDevice;
  readonly parts: Parts;
  readonly signal: AbortSignal;
}

async function journey({ story, device, parts, signal }: Thread): Promise<void> {
  const push = async (phase: string, files: Record<string, string | null>, expectation: Expectation): Promise<void> => {
    await story.phase(phase, async () => {
      const startedAt = Date.now();
      const commit = await parts.repository.commit(files, phase);
      await parts.repository.push();
      return await abortable(expectation({ startedAt, commit }), signal);
    });
  };
  const [port, otherPort] = device.ports;
  const page = async (port: number): Promise<string> => {
    const response = await fetch(`http://${device.address}:${port}/`, { signal: AbortSignal.timeout(2_000) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return (await response.text()).replaceAll(/<[^>]*>|\s+/g, " ").trim();
  };
  /**
   * Waits until the page of that version answers there, and gives the whole thread in milliseconds.
   */
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
    { "deployment.yaml": deploymentYaml({ device: device.id, image: device.image("1"), port }), "README.md": README },
    answers("1", port),
  );
  await story.phase("curl its page", async () => {
    const { stdout } = await device.curl(port);
    return stdout.replaceAll(/<[^>]*>|\s+/g, " ").trim();
  });
  await push(
    "edit image and port",
    { "deployment.yaml": deploymentYaml({ device: device.id, image: device.image("2"), port: otherPort }) },
    answers("2", otherPort),
  );
  await push(
    "push a missing image",
    { "deployment.yaml": deploymentYaml({ device: device.id, image: device.image("no-such-version"), port: otherPort }) },
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
      const text = await page(otherPort);
      if (!text.includes("version=2")) throw new Error(`the old page is gone: "${text}"`);
      return `the old page still answers, and iot explain says:\n${sentence}`;
    },
  );
  await push(
    "put it right",
    { "deployment.yaml": deploymentYaml({ device: device.id, image: device.image("1"), port }) },
    answers("1", port),
  );
  await push("delete the file", { "deployment.yaml": null }, async ({ startedAt }) => {
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

/** Gives the folder in which it is, as a program that knows where the demo's parts are. */
async function installIot(stack: AsyncDisposableStack, environment: Parts["environment"]): Promise<string> {
  const folder = await makeTempFolder("iot");
  stack.defer(() => folder.remove());
  const outfile = join(folder.path, "iot.mjs");
  await bundle({ program: IOT, version: await versionOfCommit(), format: "mjs", outfile });
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}='${value}'\n`);
  const script = `#!/bin/sh\n${exports.join("")}exec ${process.execPath} ${outfile} "$@"\n`;
  await writeFile(join(folder.path, "iot"), script, { mode: 0o700 });
  return folder.path;
}

async function yourTurn({ story, device, parts, signal }: Thread, iotFolder: string): Promise<void> {
  const { repository } = parts;
  const [port, otherPort] = device.ports;
  await repository.commit({ "deployment.yaml": deploymentYaml({ device: device.id, image: device.image("1"), port }) }, "your turn");
  await repository.push();
  // A person's git may have no name yet, and does not know where to push.
  for (const [key, value] of [
    ["user.name", "You"],
    ["user.email", "you@example.org"],
    ["push.default", "current"],
  ] as const)
    await repository.git(["config", key, value]);
  const edit = (change: string, message: string): string =>
    `sed -i '${change}' deployment.yaml && git commit -qam '${message}' && git push -q`;
  const image = (name: string): string => `s|image: .*|image: ${name}|`;
  const suggestions = [
    { title: "the workload repository, and its page", command: `cd ${repository.workPath}\ncurl http://${device.address}:${port}/` },
    {
      title: "another image, on another port",
      command: `${edit(`${image(device.image("2"))}; s|"[0-9]*:80"|"${otherPort}:80"|`, "version 2")}\ncurl http://${device.address}:${otherPort}/`,
    },
    { title: "an image that does not exist", command: edit(image(device.image("no-such-version")), "break it") },
    {
      title: "what runs, and why it does not",
      command: `export PATH=${iotFolder}:$PATH\niot status\niot device list\niot explain ${DEPLOYMENT}`,
    },
    {
      title: "from the chair: is the device there, and what does its agent say",
      command: `iot ping ${device.id}\niot logs --agent ${device.id}`,
    },
    ...heldRemoval(image(device.image("1"))),
    ...device.lookAround,
  ];
  const shown = suggestions.map(({ title, command }) => `# ${title}\n${command}\n`).join("\n");
  story.say(`\nYour turn. It all runs until you press Ctrl-C here. In another terminal:\n\n${shown}`);
  await pause(2 ** 31 - 1, undefined, { signal }).catch(() => undefined);
  story.say("");
}

/**
 * The last of three entries or more goes only when a person says so. `image` is a command of sed.
 */
function heldRemoval(image: string): { title: string; command: string }[] {
  const push = (message: string): string => `git commit -qm '${message}' && git push -q && iot status`;
  return [
    {
      title: "three more; then take all of them away at once, and see: it is held",
      command: [
        `for n in 1 2 3; do sed "s|${DEPLOYMENT}|hello-$n|; ${image}; /ports:/d" deployment.yaml >hello-$n.yaml; done`,
        `git add . && ${push("three more")}`,
        `git rm -q '*.yaml' && ${push("all away")}`,
      ].join("\n"),
    },
    { title: "take that back", command: "git revert --no-edit HEAD && git push -q && iot status" },
    { title: "or let them go", command: "$(iot status --json | grep -o 'iot confirm [0-9a-f]*')" },
  ];
}
