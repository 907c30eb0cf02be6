import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Podman } from "../libpod/podman.ts";
import { PodmanError } from "../libpod/podman-error.ts";
import { endLostNetworks } from "./lost-networks.ts";

type Networked = Awaited<ReturnType<Podman["networked"]>>;

const [A, B] = ["netns-34c60bb1-913e-1ae5-9095-ddda3444ec3c", "netns-fe419206-3f2f-403e-edc7-9fb8e91e48f7"];
const SHARED = "containers/networks/rootless-netns";

let runFolder: string;
beforeEach(async () => void (runFolder = await mkdtemp(join(tmpdir(), "harmony-run-"))));
afterEach(() => rm(runFolder, { recursive: true }));

async function withFiles(...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(dirname(join(runFolder, path)), { recursive: true });
    await writeFile(join(runFolder, path), "");
  }
}

async function end(networked: () => Promise<Networked>): Promise<{ ended: boolean; lost: string[]; left: string[] }> {
  const lost: string[] = [];
  const remains = { runFolder, onLost: (path: string) => lost.push(path.slice(runFolder.length + 1)) };
  const ended = await endLostNetworks({ networked }, remains, AbortSignal.timeout(5_000));
  const entries = await readdir(runFolder, { recursive: true, withFileTypes: true });
  const left = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(runFolder.length + 1));
  return { ended, lost, left: left.toSorted() };
}

const own = (namespace: string) => ({ namespace, isBridged: false });

describe("of one container", () => {
  test("what no container has is ended, and nothing else", async () => {
    await withFiles(`netns/${A}`, `netns/${B}`, "netns/rootless-netns-4c06", "netns/cni-1");
    const found = await end(async () => [own(B), own("")]);
    expect(found).toEqual({ ended: true, lost: [`netns/${A}`], left: ["netns/cni-1", `netns/${B}`, "netns/rootless-netns-4c06"] });
  });

  test("of a container that is just being started: Podman is asked after the look, and knows it", async () => {
    await withFiles(`netns/${A}`);
    expect(await end(() => withFiles(`netns/${B}`).then(() => [own(A)]))).toMatchObject({
      ended: false,
      left: [`netns/${A}`, `netns/${B}`],
    });
  });

  test("nothing where Podman does not list each container, or there is no folder", async () => {
    await withFiles(`netns/${A}`);
    const damaged = new PodmanError("failed to inspect another", { code: "damaged" });
    expect(await end(() => Promise.reject(damaged))).toMatchObject({ ended: false, left: [`netns/${A}`] });
    await rm(join(runFolder, "netns"), { recursive: true });
    expect(await end(async () => [])).toMatchObject({ ended: false });
  });
});

describe("that containers share", () => {
  const HALF = [`${SHARED}/rootless-netns`, `${SHARED}/rootless-netns-conn.pid`];
  test.each([
    { is: "half made", files: HALF, containers: [own(A)], ended: true },
    { is: "half made, and a container has it all the same", files: HALF, containers: [{ namespace: A, isBridged: true }], ended: false },
    { is: "half made, and the containers of it are down", files: HALF, containers: [{ namespace: "", isBridged: true }], ended: true },
    { is: "whole", files: [...HALF, `${SHARED}/resolv.conf`], containers: [], ended: false },
    { is: "not there", files: [], containers: [], ended: false },
  ])("$is: ended $ended", async ({ files, containers, ended }) => {
    await withFiles(`netns/${A}`, ...files);
    const found = await end(async () => [own(A), ...containers]);
    expect(found).toMatchObject({ ended, lost: ended ? [`${SHARED}/rootless-netns`] : [] });
  });
});
