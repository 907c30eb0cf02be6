// tsc alone checks this: a Score does not compile on a Topology without what it needs. If one of
// the lines marked below began to compile, tsc would complain of the mark.

import { bind } from "./score.ts";
import type { ResidentVariant } from "./score.ts";
import type { Architecture, Topology } from "./topology.ts";

interface ContainerRuntime {
  start(name: string): void;
}
interface KubernetesApi {
  apply(document: string): void;
}

declare const containers: ResidentVariant<{ podman: ContainerRuntime }, unknown>;
declare const onArm: ResidentVariant<{ architecture: "arm64"; podman: ContainerRuntime }, unknown>;
declare const onCluster: ResidentVariant<{ kubernetes: KubernetesApi }, unknown>;

declare const pi: Topology<{ architecture: "arm64"; podman: ContainerRuntime }>;
declare const server: Topology<{ architecture: "amd64"; podman: ContainerRuntime }>;
declare const either: Topology<{ architecture: Architecture; podman: ContainerRuntime }>;
declare const bare: Topology<{ architecture: "arm64" }>;
declare const cluster: Topology<{ kubernetes: KubernetesApi }>;

export const compiles = [
  bind(containers, pi),
  bind(containers, server),
  bind(containers, either),
  bind(onArm, pi),
  bind(onCluster, cluster),
];

export const refused = [
  // @ts-expect-error there is no container runtime
  bind(containers, bare),
  // @ts-expect-error a cluster is none
  bind(containers, cluster),
  // @ts-expect-error a Kubernetes API is none of a Pi's capabilities
  bind(onCluster, pi),
  // @ts-expect-error another architecture
  bind(onArm, server),
  // @ts-expect-error an architecture that is not known when this is compiled
  bind(onArm, either),
];
