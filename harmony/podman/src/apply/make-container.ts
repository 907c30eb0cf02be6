// Makes a container, by what its image says of itself: an image for another processor is refused
// while the old container still runs, and each VOLUME of the image that the Score does not mount
// gets a volume of the deployment, by name, which the next version finds again. What the image says
// is known only when it is on the device, which may be a step of the same plan.

import { withDefaults } from "../model/container-defaults.ts";
import type { ContainerSpec } from "../model/container-spec.ts";
import { containerName, deploymentOfName, imageVolumeName } from "../model/names.ts";
import { type Application, labelsOf } from "../model/application.ts";
import type { Step } from "../model/step.ts";
import type { HostView } from "../device/host-view.ts";
import type { Image } from "../libpod/answers.ts";
import type { Podman } from "../libpod/podman.ts";
import { PodmanError } from "../libpod/podman-error.ts";
import { freeName } from "./free-name.ts";

type Create = Extract<Step, { kind: "create" }>;

interface Maker {
  readonly application: Application;
  readonly podman: Podman;
  readonly host: Pick<HostView, "runs">;
}

/** A volume whose name Podman has made up. */
const ANONYMOUS = /^[0-9a-f]{64}$/;

export async function makeContainer({ application, podman, host }: Maker, step: Create, signal: AbortSignal): Promise<void> {
  const labels = labelsOf(application);
  const image = await orNull(podman.inspectImage(step.spec.image, signal));
  if (image !== null) await refuseOtherProcessor(image, step, host);
  const spec = withDefaults(step.spec, await podman.controllers(signal));
  const volumes = image === null ? [] : await volumesOfImage(podman, step, image, signal);
  await provideVolumes(podman, volumes, { [labels.deployment]: deploymentOfName(step.container, step.service) }, signal);
  const named = volumes.map(({ Name }) => Name).join(" ");
  const body = {
    ...spec,
    ...(volumes.length === 0 ? {} : { volumes: [...spec.volumes, ...volumes] }),
    name: step.container,
    labels: named === "" ? step.labels : { ...step.labels, [labels.imageVolumes]: named },
  };
  const make = (): Promise<void> => podman.createContainer(body, signal);
  try {
    await make();
  } catch (error) {
    if (!(await freeName(podman, step.container, error, signal))) throw error;
    await make();
  }
}

async function refuseOtherProcessor({ Architecture: architecture }: Image, { image }: Create, host: Maker["host"]): Promise<void> {
  const { isSo, machine } = await host.runs(architecture);
  if (isSo) return;
  const detail = `the image is for ${architecture}, and this device is ${machine}`;
  throw new PodmanError(`failed to make a container of image "${image}"`, { code: "wrong-architecture", detail });
}

/**
 * What the image declares and the Score does not mount. A container of an earlier agent has a
 * volume without a name there, which is passed on.
 */
async function volumesOfImage(podman: Podman, step: Create, { Config }: Image, signal: AbortSignal): Promise<ContainerSpec["volumes"]> {
  const { spec, service } = step;
  const mounted = new Set([...spec.volumes.map(({ Dest }) => Dest), ...spec.mounts.map(({ destination }) => destination)].map(plainPath));
  const paths = [...new Set(Object.keys(Config.Volumes).map(plainPath))].filter((path) => path !== "/" && !mounted.has(path));
  if (paths.length === 0) return [];
  const deployment = deploymentOfName(step.container, service);
  const serving = await orNull(podman.inspectContainer(containerName(deployment, service), signal));
  return paths.map((path) => {
    const before = serving?.Mounts.find(({ Type, Name, Destination }) => Type === "volume" && Destination === path && ANONYMOUS.test(Name));
    return { Name: before?.Name ?? imageVolumeName(deployment, service, path), Dest: path, Options: [] };
  });
}

async function provideVolumes(
  podman: Podman,
  volumes: ContainerSpec["volumes"],
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const named = volumes.map(({ Name }) => Name).filter((name) => !ANONYMOUS.test(name));
  if (named.length === 0) return;
  const [label = ["", ""]] = Object.entries(labels);
  const there = new Set((await podman.listVolumes(label.join("="), signal)).map(({ Name }) => Name));
  for (const name of named) {
    if (!there.has(name)) await podman.createVolume({ name, labels }, signal);
  }
}

function plainPath(path: string): string {
  return `/${path.split("/").filter(Boolean).join("/")}`;
}

/** Without it the container is made as its Score says, and Podman says what is wrong. */
async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof PodmanError) return null;
    throw error;
  }
}
