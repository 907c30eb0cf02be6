// Fields that PodmanV0 does not take and that people will write: spellings of Compose and Kubernetes, what is refused for good, and
// what is known and comes later. A field that is in none of these tables is simply not known (parse-podman-v0.ts).

import type { Issue } from "@harmony/core";

const use = (ours: string): string => `is not a field of PodmanV0: use ${ours}`;
const LATER = "is known, not yet supported: leave it out";

const ROOT: Readonly<Record<string, string>> = {
  version: "is not a field of PodmanV0: leave it out",
  containers: use("services"),
  service: use("services"),
  networks: "is not a field of PodmanV0: the services of a deployment share a network of their own and find each other by name",
  volumes: 'is not a field of PodmanV0: a volume is made where a service names it, e.g. volumes: ["data:/var/lib/app"]',
  secrets: LATER,
  configs: LATER,
};

const SERVICE: Readonly<Record<string, string>> = {
  files: LATER,
  secrets: LATER,
  devices: LATER,
  network: LATER,
  capAdd: LATER,
  capDrop: LATER,
  logging: LATER,
  dependsOn: LATER,
  privileged: "is refused: a container with all rights is the device; name what it needs (devices, capAdd)",
  args: use("command for the arguments (as in Compose), or entrypoint for the program"),
  container_name: use("name (the container is called <deployment>_<name>)"),
  containerName: use("name (the container is called <deployment>_<name>)"),
  environment: use("env, a map"),
  env_file: use("env, a map"),
  envFile: use("env, a map"),
  depends_on: "is known as dependsOn, not yet supported: leave it out",
  working_dir: use("workingDir"),
  workdir: use("workingDir"),
  cap_add: "is known as capAdd, not yet supported: leave it out",
  cap_drop: "is known as capDrop, not yet supported: leave it out",
  stop_grace_period: use("stopTimeoutSeconds, a number"),
  stopGracePeriod: use("stopTimeoutSeconds, a number"),
  terminationGracePeriodSeconds: use("stopTimeoutSeconds"),
  stop_timeout: use("stopTimeoutSeconds"),
  stopTimeout: use("stopTimeoutSeconds"),
  stop_signal: use("stopSignal"),
  restart_policy: use("restart"),
  restartPolicy: use("restart"),
  pull_policy: use("pull: missing, newer or never"),
  pullPolicy: use("pull: missing, newer or never"),
  imagePullPolicy: use("pull: missing, newer or never"),
  health_check: use("healthcheck"),
  healthCheck: use("healthcheck"),
  livenessProbe: use("healthcheck"),
  readinessProbe: use("healthcheck"),
  read_only: use("readOnly"),
  network_mode: "is known as network, not yet supported: leave it out",
  networkMode: "is known as network, not yet supported: leave it out",
  networks: "is not a field of PodmanV0: the services of a deployment share a network of their own and find each other by name",
  volumeMounts: use("volumes"),
  volume_mounts: use("volumes"),
  mem_limit: use("resources.memory"),
  memory: use("resources.memory"),
  cpus: use("resources.cpus"),
  pids_limit: use("resources.pids"),
  deploy: use("resources for limits; there is one container for each service and device"),
  scale: "is not a field of PodmanV0: there is one container for each service and device",
  replicas: "is not a field of PodmanV0: there is one container for each service and device",
  build: "is not a field of PodmanV0: build and push the image, and name it in image",
  expose: "is not a field of PodmanV0: the services of a deployment reach all ports of each other; ports opens one to the outside",
  tty: "is not a field of PodmanV0: leave it out",
  labels: "is not a field of PodmanV0: leave it out",
};

const HEALTHCHECK: Readonly<Record<string, string>> = {
  start_period: use("startPeriod"),
  start_interval: use("interval"),
  on_failure: use("onFailure"),
  disable: "is not a field of PodmanV0: leave the healthcheck out",
};

const RESOURCES: Readonly<Record<string, string>> = {
  limits: use("memory, cpus and pids straight in resources"),
  requests: use("memory, cpus and pids straight in resources"),
  reservations: use("memory, cpus and pids straight in resources"),
  cpu: use("cpus"),
};

export function refusedFields(data: unknown): readonly Issue[] {
  const services = member(data, "services");
  return [
    ...issuesOf(data, ROOT, []),
    ...(Array.isArray(services) ? services : []).flatMap((service: unknown, index) => [
      ...issuesOf(service, SERVICE, ["services", index]),
      ...issuesOf(member(service, "healthcheck"), HEALTHCHECK, ["services", index, "healthcheck"]),
      ...issuesOf(member(service, "resources"), RESOURCES, ["services", index, "resources"]),
    ]),
  ];
}

function issuesOf(value: unknown, table: Readonly<Record<string, string>>, path: Issue["path"]): Issue[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.keys(value).flatMap((key) => {
    const message = Object.hasOwn(table, key) ? table[key] : undefined;
    return message === undefined ? [] : [{ path: [...path, key], message }];
  });
}

function member(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}
