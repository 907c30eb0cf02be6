// One service of a Compose file as one of PodmanV0, in its written form. What has no counterpart is
// reported with why.

import { SCORE_LIMITS } from "@harmony/podman";
import { lookUp } from "@harmony/schema";
import type { ReadBeside } from "./beside.ts";
import { environmentOf } from "./compose-environment.ts";
import { imageOf, pullOf } from "./compose-image.ts";
import { type Folders, type Mounts, mountsOf } from "./compose-mounts.ts";
import { ownWaysOf } from "./compose-own-ways.ts";
import { dnsLabelOf, duration, durationMs, numberFrom, ports, size } from "./compose-values.ts";
import { type ComposeMap, isMap, listOf, mapOf, take, takeEach, type TakeNote, noteOthers, textOf, truthOf } from "./notes.ts";
import { whyNotInService } from "./why-not.ts";

export interface ServiceContext {
  readonly name: string;
  /** The whole file. */
  readonly file: ComposeMap;
  readonly readBeside: ReadBeside;
  readonly folders: Folders;
  /** What other services call it by their links. */
  readonly linkedAs: readonly string[];
  readonly note: TakeNote;
}

const TAKEN: ReadonlySet<string> = new Set(
  (
    "image build container_name ports expose volumes tmpfs secrets configs environment command entrypoint healthcheck deploy mem_limit cpus " +
    "pids_limit security_opt restart user devices cap_add cap_drop logging init read_only working_dir stop_grace_period stop_signal network_mode pull_policy " +
    "hostname extra_hosts dns sysctls ulimits shm_size group_add env_file links"
  ).split(" "),
);

/** More than Linux has: no limit. */
const MOST_PIDS = SCORE_LIMITS.pids.most;

const COMPOSE_STOP_MS = 10_000;

const RESTART_CONDITIONS: Readonly<Record<string, string>> = { any: "always", "on-failure": "on-failure", none: "no" };

export function serviceOf(compose: ComposeMap, context: ServiceContext): ComposeMap {
  const { name: original, note } = context;
  const at = `services.${original}`;
  const name = dnsLabelOf(original) ?? "service";
  noteNames(compose, { at, name, original, note });
  const {
    volumes,
    tmpfs,
    files,
    secrets,
    devices: mounted,
    isLocalTime,
  }: Mounts = mountsOf(compose, { ...context, compose: context.file, service: original });
  const env = environmentOf(compose, { at, readBeside: context.readBeside, note });
  const truth = (key: string): true | undefined => take(compose[key], truthOf, `${at}.${key}`, note) || undefined;
  const text = (key: string): string | undefined => take(compose[key], textOf, `${at}.${key}`, note);
  const isOnHost = networkOf(compose, at, note);
  const devices = [...new Set([...devicesOf(compose, at, note), ...mounted])];
  const usesHost = devices.length > 0 || volumes.some((volume) => volume.startsWith("/"));
  const { aliases, ...ways } = ownWaysOf({ compose, at, name: original, isOnHost, usesHost, note });
  return withoutEmpty({
    name,
    image: imageOf(compose, name, at, note),
    pull: pullOf(compose, at, note),
    ports: portsOf(compose, isOnHost, at, note),
    entrypoint: commandOf(compose, "entrypoint", at, note),
    command: commandOf(compose, "command", at, note),
    env: { ...(isLocalTime && !("TZ" in env) ? { TZ: { device: "timezone" } } : {}), ...env },
    volumes,
    tmpfs,
    files,
    secrets,
    devices,
    network: isOnHost ? "host" : undefined,
    aliases: isOnHost ? aliases : [...new Set([...listOf(aliases), ...context.linkedAs.filter((alias) => alias !== name)])],
    ...ways,
    restart: restartOf(compose, at, note),
    healthcheck: healthcheckOf(compose, at, note),
    stopTimeoutSeconds: stopTimeoutOf(compose, at, note),
    stopSignal: text("stop_signal"),
    init: truth("init"),
    resources: resourcesOf(compose, at, note),
    user: text("user"),
    workingDir: text("working_dir"),
    readOnly: truth("read_only"),
    noNewPrivileges: noNewPrivilegesOf(compose, at, note),
    capAdd: takeEach(compose["cap_add"], textOf, `${at}.cap_add`, note),
    capDrop: takeEach(compose["cap_drop"], textOf, `${at}.cap_drop`, note),
    logging: loggingOf(compose, at, note),
  });
}

interface Names {
  readonly at: string;
  readonly name: string;
  readonly original: string;
  readonly note: TakeNote;
}

/** What has no counterpart, and what the service is called. */
function noteNames(compose: ComposeMap, { at, name, original, note }: Names): void {
  if (name !== original) note(at, `is called ${name} here, since a name has to be a DNS label: other services find it by ${original}, too`);
  for (const key of Object.keys(compose)) {
    if (TAKEN.has(key) || key.startsWith("x-")) continue;
    note(`${at}.${key}`, whyNotInService(key));
  }
  if (compose["container_name"] !== undefined)
    note(
      `${at}.container_name`,
      "is not taken over: the container is called <deployment>_<service>; other services find it by this name too",
    );
  if (compose["expose"] !== undefined) note(`${at}.expose`, "is not needed: services of a deployment reach all ports of each other");
}

function withoutEmpty(map: ComposeMap): ComposeMap {
  const isEmpty = (value: unknown): boolean =>
    value === undefined || (Array.isArray(value) && value.length === 0) || (isMap(value) && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(map).filter(([, value]) => !isEmpty(value)));
}

function portsOf(compose: ComposeMap, isOnHost: boolean, at: string, note: TakeNote): string[] {
  return listOf(compose["ports"]).flatMap((value, index) => {
    const path = `${at}.ports[${index}]`;
    if (isOnHost) {
      note(path, "means nothing on the host's network: it is left out; have the program listen on the host's port itself");
      return [];
    }
    if (isMap(value)) {
      noteOthers(value, new Set(["target", "published", "protocol", "host_ip"]), path, note);
      for (const key of ["protocol", "host_ip"]) take(value[key], textOf, `${path}.${key}`, note);
    }
    const read = ports(value);
    if (typeof read !== "string") return read;
    note(path, read);
    return [];
  });
}

function commandOf(compose: ComposeMap, key: "entrypoint" | "command", at: string, note: TakeNote): unknown {
  const value = compose[key];
  if (value === "" || (Array.isArray(value) && value.length === 0)) {
    note(`${at}.${key}`, "is empty, which in Compose takes the image's away: write what is to run, since an empty one is not taken over");
    return undefined;
  }
  return Array.isArray(value) ? takeEach(value, textOf, `${at}.${key}`, note) : take(value, textOf, `${at}.${key}`, note);
}

function devicesOf(compose: ComposeMap, at: string, note: TakeNote): string[] {
  return listOf(compose["devices"]).flatMap((value, index) => {
    const path = `${at}.devices[${index}]`;
    const [source = "", target = source, rights = "rwm"] = isMap(value)
      ? [value["source"], value["target"] ?? value["source"], value["permissions"] ?? "rwm"].map((part) => textOf(part) ?? "")
      : (textOf(value) ?? "").split(":");
    if (!source.startsWith("/dev/")) {
      note(path, "is no node below /dev: it is not taken over; name a node, /dev/…");
      return [];
    }
    if (!/^rwm?$/.test(rights))
      note(
        path,
        `the rights ${rights} are not taken over: rootless Podman cannot take any away; set the node's own permissions on the device`,
      );
    if (/\/tty(USB|ACM)\d/.test(source))
      note(path, `${source} may be another device after a reboot: name the one below /dev/serial/by-id/`);
    note(
      path,
      `is a device, which the device's policy has to allow: devices = [${JSON.stringify(source)}] under [policy] in its config.toml`,
    );
    return [source === target ? source : `${source}:${target}`];
  });
}

/** Whether it is on the host's. */
function networkOf(compose: ComposeMap, at: string, note: TakeNote): boolean {
  const mode = take(compose["network_mode"], textOf, `${at}.network_mode`, note);
  if (mode === "host") {
    note(
      `${at}.network_mode`,
      "is the host's network, which the device's policy has to allow: host_network = true under [policy] in its config.toml",
    );
    return true;
  }
  if (mode !== undefined && mode !== "bridge") {
    const instead = mode === "none" ? "name no port, and give the program nothing to reach" : "name the other services by their names";
    note(`${at}.network_mode`, `${mode} is not taken over: the services of a deployment share one network; ${instead}`);
  }
  return false;
}

function restartOf(compose: ComposeMap, at: string, note: TakeNote): string | undefined {
  const own = take(compose["restart"], textOf, `${at}.restart`, note);
  const found = mapOf(compose["deploy"])["restart_policy"];
  const policy = mapOf(found);
  const path = `${at}.deploy.restart_policy`;
  noteOthers(policy, new Set(own === undefined ? ["condition", "max_attempts"] : []), path, note);
  const said = own ?? restartOfPolicy(isMap(found) ? found : undefined, path, note);
  if (said === undefined) {
    const why = 'is not set, which in Compose means "no": what ends stays down, over a reboot too';
    note(`${at}.restart`, `${why}; on a device write restart: always, unless it runs once`);
    return "no";
  }
  if (said === "always" || said === "true") return undefined;
  return said === "false" ? "no" : said;
}

function restartOfPolicy(policy: ComposeMap | undefined, path: string, note: TakeNote): string | undefined {
  const { condition, max_attempts: attempts } = policy ?? {};
  const said = take(condition, (value) => lookUp(RESTART_CONDITIONS, textOf(value) ?? "") ?? null, `${path}.condition`, note);
  const ofTries = said === "on-failure" ? numberFrom(1) : () => null;
  if (policy !== undefined && condition === undefined) {
    note(path, "has no condition, which Compose takes as any: it has become always; write another if it is not meant");
    return "always";
  }
  const tries = take(attempts, ofTries, `${path}.max_attempts`, note);
  return tries === undefined ? said : `${said}:${tries}`;
}

/** "none": that of the image is switched off. */
function healthcheckOf(compose: ComposeMap, at: string, note: TakeNote): ComposeMap | "none" | undefined {
  const path = `${at}.healthcheck`;
  const check = take(compose["healthcheck"], (value) => (isMap(value) ? value : null), path, note);
  if (check === undefined) return undefined;
  if (take(check["disable"], truthOf, `${path}.disable`, note) === true) return "none";
  const test = check["test"];
  const command = Array.isArray(test) ? takeEach(test, textOf, `${path}.test`, note) : (take(test, textOf, `${path}.test`, note) ?? null);
  if (Array.isArray(command) && command[0] === "NONE") return "none";
  noteOthers(check, new Set(["test", "interval", "timeout", "retries", "start_period", "disable"]), path, note);
  if (command === null) {
    note(
      path,
      "has no test of its own, and that of the image is not known here: it is not taken over; write the image's test, with these times",
    );
    return undefined;
  }
  const interval = durationMs(check["interval"]);
  if (interval !== null && interval < 30_000)
    note(`${path}.interval`, "is short for a device: each check wakes it and writes to its card; 30s and more");
  return withoutEmpty({
    test: command,
    interval: take(check["interval"], duration, `${path}.interval`, note),
    timeout: take(check["timeout"], duration, `${path}.timeout`, note),
    retries: take(check["retries"], numberFrom(1), `${path}.retries`, note),
    startPeriod: take(check["start_period"], duration, `${path}.start_period`, note),
  });
}

/** Compose's own default is written out, for a device's is 300 s. */
function stopTimeoutOf(compose: ComposeMap, at: string, note: TakeNote): number {
  const ms = take(compose["stop_grace_period"], durationMs, `${at}.stop_grace_period`, note) ?? COMPOSE_STOP_MS;
  const seconds = Math.ceil(ms / 1000);
  const { most } = SCORE_LIMITS.stopTimeoutSeconds;
  if (seconds > most)
    note(`${at}.stop_grace_period`, `is longer than a device waits: it has become ${most} s; have the program end within them`);
  return Math.min(seconds, most);
}

function resourcesOf(compose: ComposeMap, at: string, note: TakeNote): ComposeMap {
  const deploy = mapOf(compose["deploy"]);
  const resources = mapOf(deploy["resources"]);
  const limits = mapOf(resources["limits"]);
  noteOthers(deploy, new Set(["resources", "restart_policy", "replicas"]), `${at}.deploy`, note);
  noteOthers(resources, new Set(["limits"]), `${at}.deploy.resources`, note);
  noteOthers(limits, new Set(["memory", "cpus", "pids"]), `${at}.deploy.resources.limits`, note);
  if (deploy["replicas"] !== undefined && deploy["replicas"] !== 1) {
    note(
      `${at}.deploy.replicas`,
      "is not taken over: there is one container for each service and device; write the service twice, under two names",
    );
  }
  /** Compose has each in two places. */
  const limit = <Value>(name: string, own: string, read: (value: unknown) => Value | null): Value | undefined => {
    const old = take(compose[own], read, `${at}.${own}`, note);
    return take(limits[name], read, `${at}.deploy.resources.limits.${name}`, note) ?? old;
  };
  return withoutEmpty({
    memory: limit("memory", "mem_limit", size),
    cpus: limit("cpus", "cpus", numberFrom(Number.MIN_VALUE)),
    pids: limit("pids", "pids_limit", pidsOf),
  });
}

/** undefined: as by default, which is true. */
function noNewPrivilegesOf(compose: ComposeMap, at: string, note: TakeNote): boolean | undefined {
  const found = listOf(compose["security_opt"]).map((option, index) => {
    const [, value = "true"] = /^no-new-privileges(?:[:=](true|false))?$/.exec(textOf(option) ?? "") ?? [undefined, ""];
    if (value === "") {
      note(
        `${at}.security_opt[${index}]`,
        "is not taken over: the device's own profiles count; leave it out, and see whether the service runs",
      );
    }
    return value;
  });
  if (found.includes("true")) return true;
  return found.includes("false") ? false : undefined;
}

function pidsOf(value: unknown): number | null {
  return ["unlimited", "-1", "0"].includes(textOf(value) ?? "") ? MOST_PIDS : numberFrom(1)(value);
}

function loggingOf(compose: ComposeMap, at: string, note: TakeNote): ComposeMap {
  const logging = mapOf(compose["logging"]);
  const options = mapOf(logging["options"]);
  const driver = take(logging["driver"], textOf, `${at}.logging.driver`, note) ?? null;
  noteOthers(logging, new Set(["driver", "options"]), `${at}.logging`, note);
  const known: Readonly<Record<string, string>> = {
    "json-file": "k8s-file",
    local: "k8s-file",
    "k8s-file": "k8s-file",
    journald: "journald",
    none: "none",
  };
  const ours = driver === null ? undefined : lookUp(known, driver);
  if (driver !== null && ours === undefined)
    note(`${at}.logging.driver`, `${driver} is not taken over: the device's journal has the log; send it on from there`);
  const isFile = ours === "k8s-file" || driver === null;
  noteOthers(options, new Set(isFile ? ["max-size"] : []), `${at}.logging.options`, note);
  return withoutEmpty({
    driver: ours,
    maxSize: isFile ? take(options["max-size"], size, `${at}.logging.options.max-size`, note) : undefined,
  });
}
