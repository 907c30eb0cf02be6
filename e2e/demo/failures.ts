// The four failures of the mission, each as a person would try it: break it, push a new version, look whether the old one still answers on
// the device, mend it, and wait for the new one. What each tells is one sentence with the times that were measured.

import { abortable } from "@harmony/runtime";
import { eventually } from "@iot/testkit";
import type { FaultWorld } from "../src/fault-world.ts";

export interface Scene {
  readonly world: FaultWorld;
  /** Pushed last: 1 or 2. */
  version: number;
  readonly signal: AbortSignal;
}

export interface Failure {
  readonly title: string;
  readonly act: (scene: Scene) => Promise<string>;
}

const PORT = 8080;
const WAIT_MS = 60_000;

export async function startScene(scene: Scene): Promise<string> {
  await push(scene, scene.version);
  await answers(scene);
  return "version 1 answers";
}

export const FAILURES: readonly Failure[] = [
  {
    title: "network lost",
    act: async (scene) => {
      const { world } = scene;
      const cut = since();
      await world.device.cutNetwork();
      await pushOther(scene);
      const said = await agentSays(scene, /network is down/);
      const seen = cut();
      await oldAnswers(scene);
      const mended = since();
      await world.device.restoreNetwork();
      await answers(scene);
      return `The old version answered on the device all the while; after ${seen} the agent said "${said}". With the cable back, the version pushed meanwhile ran after ${mended()}.`;
    },
  },
  {
    title: "central part down",
    act: async (scene) => {
      const { world } = scene;
      await world.killOperator();
      await world.nats.kill();
      await pushOther(scene);
      await oldAnswers(scene);
      const killed = since();
      await world.podman("kill", "--signal", "KILL", "web_hello");
      await eventually(() => oldAnswers(scene), { what: "the device starts its container again", timeoutMs: WAIT_MS });
      const healed = killed();
      const mended = since();
      await world.nats.start();
      await world.startOperator();
      await answers(scene);
      return `The old version answered all the while; killed by hand, it was back after ${healed} with no central part. With operator and NATS back, the version pushed meanwhile ran after ${mended()}.`;
    },
  },
  {
    title: "agent crashes",
    act: async (scene) => {
      const { world } = scene;
      const pid = await world.agentPid();
      const before = await world.container("web_hello");
      const crashed = since();
      process.kill(pid, "SIGKILL");
      const isBack = async (): Promise<boolean> => (await world.agentPid()) !== pid;
      await eventually(isBack, { what: "systemd starts it again", timeoutMs: WAIT_MS });
      const back = crashed();
      const after = await world.container("web_hello");
      if (after.life !== before.life) throw new Error("its container was started anew with it");
      const pushed = since();
      await pushOther(scene);
      await answers(scene);
      return `Its container was not touched; systemd had the agent back after ${back}, and a version pushed then ran after ${pushed()}.`;
    },
  },
  {
    title: "NATS down",
    act: async (scene) => {
      const { world } = scene;
      const broken = since();
      await world.nats.kill();
      await pushOther(scene);
      const said = await agentSays(scene, /connection is refused/);
      const seen = broken();
      await oldAnswers(scene);
      const mended = since();
      await world.nats.start();
      await answers(scene);
      return `The old version answered all the while; after ${seen} the agent said "${said}". With NATS back, the version pushed meanwhile ran after ${mended()}.`;
    },
  },
];

async function pushOther(scene: Scene): Promise<void> {
  await push(scene, scene.version === 1 ? 2 : 1);
}

async function push(scene: Scene, version: number): Promise<void> {
  scene.version = version;
  await scene.world.push({ web: [String(version), PORT] });
}

/** The version that was pushed last, from outside of the device. */
async function answers({ world, version, signal }: Scene): Promise<void> {
  await abortable(world.answers(PORT, `version=${version}`), signal);
}

/** The version before, asked on the device itself. @throws Error when it does not. */
async function oldAnswers({ world, version }: Scene): Promise<true> {
  const { stdout } = await world.device.exec(["curl", "--silent", "--max-time", "2", `http://127.0.0.1:${PORT}/`], {
    allowExitCodes: [0, 7, 28, 52, 56],
  });
  if (stdout.includes(`version=${version === 1 ? 2 : 1}`)) return true;
  throw new Error(`the old version does not answer on the device, but "${stdout.trim()}"`);
}

/** The part of `systemctl status` that matches, up to what would mend it. */
async function agentSays({ world, signal }: Scene, pattern: RegExp): Promise<string> {
  const text = await abortable(world.statusSays(pattern), signal);
  return (text.split("; ").find((part) => pattern.test(part)) ?? text).replace(/^.*: (?=this machine|the connection)/, "");
}

/** Tells, whenever it is called, how long ago this was. */
function since(): () => string {
  const startedMs = performance.now();
  return () => `${((performance.now() - startedMs) / 1_000).toFixed(1)} s`;
}
