// The four failures of the mission, each as a person would try it: break it, push a new version,
// check that the old one answers on the device all the while, repair it, and wait for the new one.
// Each gives one sentence with the times that were measured.

import { abortable } from "@harmony/runtime";
import { eventually } from "@iot/testkit";
import type { FaultWorld } from "../world/fault-world.ts";

export interface Scene {
  readonly world: FaultWorld;
  /** The version pushed last: 1 or 2. */
  version: number;
  readonly signal: AbortSignal;
}

export interface Failure {
  readonly title: string;
  readonly act: (scene: Scene) => Promise<string>;
  /** Repairs whatever an act that ended early has left broken. */
  readonly mend: (world: FaultWorld) => Promise<unknown>;
}

const PORT = 8080;
const WAIT_MS = 60_000;

export async function startScene(scene: Scene): Promise<string> {
  await push(scene, scene.version);
  await answers(scene);
  return "version 1 answers";
}

/** Runs after an act that failed, so that the next one finds a running system again. */
export async function recover(scene: Scene, { mend }: Failure): Promise<string> {
  await mend(scene.world);
  await answers(scene);
  return `version ${scene.version} answers`;
}

export const FAILURES: readonly Failure[] = [
  {
    title: "network lost",
    act: async (scene) => {
      const { world } = scene;
      const cut = since();
      const { said, count } = await whileOldAnswers(scene, async () => {
        await world.device.cutNetwork();
        await pushOther(scene);
        return agentSays(scene, /network is down/);
      });
      const seen = cut();
      const mended = since();
      await world.device.restoreNetwork();
      await answers(scene);
      return `The old version gave ${count} answers on the device meanwhile; after ${seen} the agent said "${said}". With the cable back, the version pushed meanwhile ran after ${mended()}.`;
    },
    mend: (world) => world.device.restoreNetwork(),
  },
  {
    title: "central part down",
    act: async (scene) => {
      const { world } = scene;
      const { count } = await whileOldAnswers(scene, async () => {
        await world.killOperator();
        await world.nats.kill();
        await pushOther(scene);
        return agentSays(scene, /connection is refused/);
      });
      const killed = since();
      await world.podman("kill", "--signal", "KILL", "web_hello");
      await eventually(() => oldAnswers(scene), { what: "the device starts its container again", timeoutMs: WAIT_MS });
      const healed = killed();
      const mended = since();
      await world.nats.start();
      await world.startOperator();
      await answers(scene);
      return `The old version gave ${count} answers meanwhile; killed by hand, it was back after ${healed} with no central part. With operator and NATS back, the version pushed meanwhile ran after ${mended()}.`;
    },
    mend: async (world) => {
      await world.nats.restart();
      await world.killOperator();
      await world.startOperator();
    },
  },
  {
    title: "agent crashes",
    act: async (scene) => {
      const { world } = scene;
      const pid = await world.agentPid();
      const before = await world.container("web_hello");
      const crashed = since();
      const { count } = await whileOldAnswers(scene, async () => {
        process.kill(pid, "SIGKILL");
        const isBack = async (): Promise<boolean> => (await world.agentPid()) !== pid;
        await eventually(isBack, { what: "systemd starts it again", timeoutMs: WAIT_MS });
        return "";
      });
      const back = crashed();
      const after = await world.container("web_hello");
      if (after.life !== before.life) throw new Error("its container was started anew with it");
      const pushed = since();
      await pushOther(scene);
      await answers(scene);
      return `Its container was not touched and gave ${count} answers meanwhile; systemd had the agent back after ${back}, and a version pushed then ran after ${pushed()}.`;
    },
    // systemd repairs it.
    mend: async () => undefined,
  },
  {
    title: "NATS down",
    act: async (scene) => {
      const { world } = scene;
      const broken = since();
      const { said, count } = await whileOldAnswers(scene, async () => {
        await world.nats.kill();
        await pushOther(scene);
        return agentSays(scene, /connection is refused/);
      });
      const seen = broken();
      const mended = since();
      await world.nats.start();
      await answers(scene);
      return `The old version gave ${count} answers meanwhile; after ${seen} the agent said "${said}". With NATS back, the version pushed meanwhile ran after ${mended()}.`;
    },
    mend: (world) => world.nats.restart(),
  },
];

/**
 * Asks the device itself for its page every 200 ms until the act meanwhile is over; `count`: "23 of
 * 23".
 * @throws Error when one answer was not that of the version that runs now.
 */
async function whileOldAnswers(
  { world, version }: Scene,
  meanwhile: () => Promise<string>,
): Promise<{ readonly said: string; readonly count: string }> {
  const isOn = "/run/asking-for-the-page";
  await world.device.exec(["touch", isOn]);
  const ask = `while [ -e ${isOn} ]; do echo "$(curl --silent --max-time 2 http://127.0.0.1:${PORT}/)"; sleep 0.2; done`;
  const asking = world.device.exec(["sh", "-c", ask]);
  let said: string;
  let pages: string[];
  try {
    said = await meanwhile();
  } finally {
    await world.device.exec(["rm", isOn]);
    pages = (await asking).stdout.trimEnd().split("\n");
  }
  const right = pages.filter((page) => page.includes(`version=${version}`));
  const count = `${right.length} of ${pages.length}`;
  if (right.length === pages.length) return { said, count };
  const other = pages.find((page) => !right.includes(page));
  throw new Error(`the old version gave only ${count} answers on the device, another was "${other}"`);
}

async function pushOther(scene: Scene): Promise<void> {
  await push(scene, scene.version === 1 ? 2 : 1);
}

async function push(scene: Scene, version: number): Promise<void> {
  scene.version = version;
  await scene.world.push({ web: [String(version), PORT] });
}

/** Waits for the version that was pushed last, asking from outside of the device. */
async function answers({ world, version, signal }: Scene): Promise<void> {
  await abortable(world.answers(PORT, `version=${version}`), signal);
}

/** Asks on the device itself for the version before. @throws Error when it does not answer. */
async function oldAnswers({ world, version }: Scene): Promise<true> {
  const { stdout } = await world.device.exec(["curl", "--silent", "--max-time", "2", `http://127.0.0.1:${PORT}/`], {
    allowExitCodes: [0, 7, 28, 52, 56],
  });
  if (stdout.includes(`version=${version === 1 ? 2 : 1}`)) return true;
  throw new Error(`the old version does not answer on the device, but "${stdout.trim()}"`);
}

/** The part of `systemctl status` that matches, up to its advice. */
async function agentSays({ world, signal }: Scene, pattern: RegExp): Promise<string> {
  const text = await abortable(world.statusSays(pattern), signal);
  return (text.split("; ").find((part) => pattern.test(part)) ?? text).replace(/^.*: (?=this machine|the connection)/, "");
}

/** Gives the time since its own call, whenever the result is called. */
function since(): () => string {
  const startedMs = performance.now();
  return () => `${((performance.now() - startedMs) / 1_000).toFixed(1)} s`;
}
