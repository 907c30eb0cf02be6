// Fields that PodmanV0 does not take and that people will write: spellings of Compose and
// Kubernetes, fields that are refused for good, and fields that are known and come later. A field
// that is in none of these tables is simply not known (parse-podman-v0.ts).

import type { Issue } from "@harmony/core";
import { nearName } from "@harmony/schema";
import { REAL_TIME } from "./host-values.ts";
import type { ScoreWords } from "./score-words.ts";

const use = (ours: string): string => `is not a field of PodmanV0: use ${ours}`;
const LATER = "is known, not yet supported: leave it out";
const REAL_TIME_FIELD = `is refused: ${REAL_TIME}`;

const rootFields = (secretsFolder: string): Readonly<Record<string, string>> => ({
  version: "is not a field of PodmanV0: leave it out",
  containers: use("services"),
  service: use("services"),
  networks: "is not a field of PodmanV0: the services of a deployment share a network of their own and find each other by name",
  volumes: 'is not a field of PodmanV0: a volume is made where a service names it, e.g. volumes: ["data:/var/lib/app"]',
  secrets: `is not a field of PodmanV0: a service names its secrets, whose values lie on the device in ${secretsFolder}/`,
  configs: "is not a field of PodmanV0: use files of a service, with their content",
});

const SERVICE: Readonly<Record<string, string>> = {
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
  cap_add: use("capAdd"),
  cap_drop: use("capDrop"),
  configs: use("files, with their content"),
  group_add: use("groupAdd; a service with devices has the groups of the device's user without it"),
  shm_size: use("shmSize"),
  extra_hosts: use("extraHosts"),
  hostAliases: use("extraHosts"),
  dns_search: "is not a field of PodmanV0: write the whole names",
  domainname: use("hostname, the whole name"),
  hostName: use("hostname"),
  security_opt: use("noNewPrivileges: false for no-new-privileges:false, and leave out the rest"),
  no_new_privileges: use("noNewPrivileges"),
  allowPrivilegeEscalation: use("noNewPrivileges, which says the reverse"),
  rtprio: REAL_TIME_FIELD,
  cpu_rt_runtime: REAL_TIME_FIELD,
  cpu_rt_period: REAL_TIME_FIELD,
  cpuRtRuntime: REAL_TIME_FIELD,
  cpuRtPeriod: REAL_TIME_FIELD,
  log_driver: use("logging.driver"),
  logDriver: use("logging.driver"),
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
  network_mode: use("network: host, or leave it out"),
  networkMode: use("network: host, or leave it out"),
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
  disable: "is not a field of PodmanV0: write healthcheck: none in its place",
};

const RESOURCES: Readonly<Record<string, string>> = {
  limits: use("memory, cpus and pids straight in resources"),
  requests: use("memory, cpus and pids straight in resources"),
  reservations: use("memory, cpus and pids straight in resources"),
  cpu: use("cpus"),
};

const LOGGING: Readonly<Record<string, string>> = {
  options: use("maxSize straight in logging"),
  "max-size": use("maxSize"),
  max_size: use("maxSize"),
  "max-file": "is not a field of PodmanV0: there is one file, of at most maxSize",
};

const ENV: Readonly<Record<string, string>> = { ["__proto__"]: "is a name that is not taken: give the variable another" };

const FILE: Readonly<Record<string, string>> = {
  source: use("content, the text itself"),
  target: use("path"),
  text: use("content"),
  name: use("path"),
};

const secretFields = (secretsFolder: string): Readonly<Record<string, string>> => ({
  source: use("name"),
  target: use("path"),
  file: `is not a field of PodmanV0: the value lies on the device, in ${secretsFolder}/NAME`,
  mode: "is not a field of PodmanV0: every user in the container can read it, and nobody else",
});

export interface Refused extends Issue {
  /** false: the field is only near one of the tables, and counts where it is not known at all. */
  readonly isExact: boolean;
}

export function refusedFields(data: unknown, { secretsFolder }: Pick<ScoreWords, "secretsFolder">): readonly Refused[] {
  const services = member(data, "services");
  return [
    ...issuesOf(data, rootFields(secretsFolder), []),
    ...(Array.isArray(services) ? services : []).flatMap((service: unknown, index) => [
      ...issuesOf(service, SERVICE, ["services", index]),
      ...issuesOf(member(service, "healthcheck"), HEALTHCHECK, ["services", index, "healthcheck"]),
      ...issuesOf(member(service, "resources"), RESOURCES, ["services", index, "resources"]),
      ...issuesOf(member(service, "logging"), LOGGING, ["services", index, "logging"]),
      ...issuesOf(member(service, "env"), ENV, ["services", index, "env"]),
      ...issuesOfEach(member(service, "files"), FILE, ["services", index, "files"]),
      ...issuesOfEach(member(service, "secrets"), secretFields(secretsFolder), ["services", index, "secrets"]),
    ]),
  ];
}

function issuesOf(value: unknown, table: Readonly<Record<string, string>>, path: Issue["path"]): Refused[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.keys(value).flatMap((key) => {
    const meant = Object.hasOwn(table, key) ? key : nearName(key, Object.keys(table));
    const message = meant === null ? undefined : table[meant];
    return message === undefined ? [] : [{ path: [...path, key], message, isExact: meant === key }];
  });
}

function issuesOfEach(list: unknown, table: Readonly<Record<string, string>>, path: Issue["path"]): Refused[] {
  return Array.isArray(list) ? list.flatMap((one: unknown, index) => issuesOf(one, table, [...path, index])) : [];
}

function member(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}
