// Finds the deployments on the device, from the labels of their containers alone.

import type { Workload } from "@harmony/core";
import type { Podman } from "../libpod/podman.ts";
import type { Labels } from "../model/application.ts";
import { toContainer } from "./observe.ts";

export async function workloads(podman: Podman, labels: Labels, signal: AbortSignal): Promise<readonly Workload[]> {
  const listed = await podman.listContainers(labels.deployment, signal);
  const containers = listed.toSorted((a, b) => Date.parse(a.Created) - Date.parse(b.Created)).map((item) => toContainer(item, labels));
  // Containers of one deployment may be of several Scores, where a change left some alone: the one
  // made last counts.
  return [...new Map(containers.map(({ deployment: name, revision, scoreString }) => [name, { name, revision, scoreString }])).values()];
}
