// Held by tsc alone: PodmanV0 on a place without Podman does not compile.

import { bind, type Topology } from "@harmony/core";
import { IOT_AGENT } from "@iot/contracts";
import { podmanV0 } from "@harmony/podman";
import type { PodmanDevice } from "./topology.ts";

declare const device: PodmanDevice;
declare const withoutPodman: Topology<{ architecture: "arm64"; device: { id: string; labels: Record<string, string> } }>;

export const compiles = bind(podmanV0(IOT_AGENT), device);

// @ts-expect-error there is no Podman
export const refused = bind(podmanV0(IOT_AGENT), withoutPodman);
