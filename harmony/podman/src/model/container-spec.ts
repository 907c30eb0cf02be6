// Turns a service of a Score into the body of libpod's `containers/create`, and nothing else: pure,
// without labels or name. Two services that give equal specs are the same to the device, so a
// changed Score leaves alone what it did not change.

import { LOG_FILE_BYTES } from "../score/host-values.ts";
import type { Application } from "./application.ts";
import { ownVariables } from "../score/score-words.ts";
import { type InputContext, type Inputs, inputsOf } from "./inputs.ts";
import { imageReference, networkName, volumeName } from "./names.ts";
import { usesHost } from "../score/contradictions.ts";
import type { PodmanV0 } from "../score/podman-v0-schema.ts";
import type { Service } from "../score/service.ts";

/**
 * libpod's SpecGenerator, as far as it is used; JSON that is compared as text. The fields named are
 * those that have a default (container-defaults.ts).
 */
export interface ContainerSpec extends Readonly<Record<string, unknown>> {
  readonly image: string;
  readonly volumes: readonly { readonly Name: string; readonly Dest: string; readonly Options: readonly string[] }[];
  readonly mounts: readonly Mount[];
  readonly resource_limits: ResourceLimits | undefined;
  readonly no_new_privileges: boolean | undefined;
}

interface Mount {
  readonly type: "bind" | "tmpfs";
  readonly source: string;
  readonly destination: string;
  readonly options: readonly string[];
}

interface ResourceLimits {
  readonly memory?: { readonly limit: number } | undefined;
  readonly cpu?: { readonly quota: number; readonly period: number } | undefined;
  readonly pids?: { readonly limit: number } | undefined;
}

export interface SpecContext extends InputContext {
  readonly application: Pick<Application, "environmentPrefix" | "busyFolder">;
}

const NS_PER_MS = 1_000_000;
const CPU_PERIOD_US = 100_000;
const BUSY_OPTIONS = ["mode=1777", "size=64k", "nosuid", "nodev", "noexec"];

/**
 * Two or more services that are not on the host's network have a network of their own. A single one
 * needs none, unless it has names to be found by, and starts 35 ms sooner.
 */
export function needsNetwork(score: PodmanV0): boolean {
  return (
    score.services.filter(({ network }) => network === undefined).length > 1 ||
    score.services.some(({ aliases = [] }) => aliases.length > 0)
  );
}

export function volumeNames(deployment: string, { volumes }: Service): string[] {
  return volumes.flatMap((mount) => (mount.kind === "volume" ? [volumeName(deployment, mount.name)] : []));
}

export function containerSpec(score: PodmanV0, service: Service, context: SpecContext): ContainerSpec {
  const { deployment, device, application } = context;
  const { healthcheck, logging } = service;
  const inputs = inputsOf(service, context);
  const secretEnv = Object.entries(inputs.secretEnv).map(([variable, { podmanName }]) => [variable, podmanName] as const);
  return {
    image: imageReference(service.image),
    env: { ...inputs.env, ...ownVariables(application, { deviceId: device.id, deployment, service: service.name }) },
    secret_env: secretEnv.length === 0 ? undefined : Object.fromEntries(secretEnv),
    entrypoint: service.entrypoint,
    command: service.command,
    user: service.user,
    work_dir: service.workingDir,
    init: service.init || undefined,
    read_only_filesystem: service.readOnly || undefined,
    restart_policy: service.restart.policy,
    restart_tries: service.restart.policy === "on-failure" && service.restart.retries > 0 ? service.restart.retries : undefined,
    stop_timeout: service.stopTimeoutSeconds,
    stop_signal: service.stopSignal,
    portmappings: service.ports.map(({ hostIp, hostPort, containerPort, protocol }) => ({
      host_ip: hostIp,
      host_port: hostPort,
      container_port: containerPort,
      protocol,
    })),
    volumes: service.volumes.flatMap((mount) =>
      mount.kind === "hostPath"
        ? []
        : [{ Name: volumeName(deployment, mount.name), Dest: mount.path, Options: mount.readOnly ? ["ro"] : [] }],
    ),
    mounts: mounts(service, inputs, context),
    // Rootless Podman drops the groups of its user (dialout, gpio, i2c …) unless this is set. The
    // groups give the container the device.
    annotations: usesHost(service) ? { "run.oci.keep_original_groups": "1" } : undefined,
    no_new_privileges: service.noNewPrivileges,
    cap_add: service.capAdd.length === 0 ? undefined : service.capAdd,
    cap_drop: service.capDrop.length === 0 ? undefined : service.capDrop,
    // If none is named, Podman's own driver is the journal on most systems and a file without limit
    // on others.
    log_configuration: logging === undefined ? { size: LOG_FILE_BYTES } : { driver: logging.driver, size: logging.maxSize ?? undefined },
    resource_limits: resourceLimits(service, context.controllers),
    ...(healthcheck === "none" ? { healthconfig: { Test: ["NONE"] } } : {}),
    ...(healthcheck === undefined || healthcheck === "none"
      ? {}
      : {
          healthconfig: {
            Test: healthcheck.test,
            Interval: healthcheck.interval * NS_PER_MS,
            Timeout: healthcheck.timeout * NS_PER_MS,
            StartPeriod: healthcheck.startPeriod * NS_PER_MS,
            Retries: healthcheck.retries,
          },
          // 0 none, 3 restart.
          health_check_on_failure_action: healthcheck.onFailure === "restart" ? 3 : 0,
          // 5.x takes these for granted; 5.4.0 and 5.4.1 refuse a start without them, 4.9 ignores
          // them.
          health_log_destination: "local",
          health_max_log_count: 5,
          health_max_log_size: 500,
        }),
    ...ownWays(service),
    ...(service.network === "host" ? { netns: { nsmode: "host" } } : {}),
    ...(needsNetwork(score) && service.network === undefined
      ? { netns: { nsmode: "bridge" }, Networks: { [networkName(deployment)]: { aliases: [service.name, ...(service.aliases ?? [])] } } }
      : {}),
  };
}

/** What the service sets for itself of names, memory and kernel; what is not written is left out. */
function ownWays(service: Service): Readonly<Record<string, unknown>> {
  const { hostname, extraHosts, dns, sysctls, ulimits, shmSize, groupAdd } = service;
  const limits = Object.entries(ulimits ?? {}).map(([type, { soft, hard }]) => ({ type, soft, hard }));
  return {
    hostname,
    hostadd: extraHosts?.map(({ name, address }) => `${name}:${address}`),
    dns_server: dns,
    sysctl: sysctls,
    r_limits: limits.length === 0 ? undefined : limits,
    shm_size: shmSize,
    groups: groupAdd,
  };
}

/**
 * Mounts devices as Podman itself does rootless, but by the name in the Score, so that a link is
 * followed at each start.
 */
function mounts(service: Service, inputs: Inputs, { host, application }: SpecContext): Mount[] {
  const bound = (source: string, destination: string, options: readonly string[]): Mount => ({
    type: "bind",
    source,
    destination,
    options,
  });
  return [
    ...service.tmpfs.map(({ path, options }): Mount => ({ type: "tmpfs", source: "tmpfs", destination: path, options })),
    // A file system of its own ends with the container, and so does what a program says in it. Any
    // user of the container may write there, also where its root file system is read-only.
    ...(service.busy === undefined
      ? []
      : [{ type: "tmpfs", source: "tmpfs", destination: application.busyFolder, options: BUSY_OPTIONS } as const]),
    ...(inputs.mounts?.files ?? []).map(({ name, path }) =>
      bound(`${host.mountsFolder}/${inputs.mounts?.folder ?? ""}/${name}`, path, ["ro", "nosuid", "nodev"]),
    ),
    ...service.devices.map(({ node, path }) => bound(node, path, ["rw", "nosuid", "noexec"])),
    ...service.volumes.flatMap((mount) =>
      mount.kind === "hostPath" ? [bound(mount.source, mount.path, [mount.readOnly ? "ro" : "rw", "nosuid", "nodev"])] : [],
    ),
  ];
}

/** Leaves out a limit that nothing enforces here, since the runtime would refuse the container. */
function resourceLimits({ resources }: Service, controllers: readonly string[]): ResourceLimits | undefined {
  const { memory, cpus, pids } = resources ?? {};
  const limits: ResourceLimits = {
    memory: memory !== undefined && controllers.includes("memory") ? { limit: memory } : undefined,
    cpu: cpus !== undefined && controllers.includes("cpu") ? { quota: Math.round(cpus * CPU_PERIOD_US), period: CPU_PERIOD_US } : undefined,
    pids: pids !== undefined && controllers.includes("pids") ? { limit: pids } : undefined,
  };
  return Object.values(limits).some((limit) => limit !== undefined) ? limits : undefined;
}
