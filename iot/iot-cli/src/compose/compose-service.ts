// One service of a Compose file as one of PodmanV0, in its written form. What has no counterpart is told with why.

import { lookUp } from "@harmony/schema";
import { type Mounts, mountsOf, type ReadBeside } from "./compose-mounts.ts";
import { dnsLabelOf, duration, durationMs, ports, size } from "./compose-values.ts";
import { type ComposeMap, isMap, listOf, mapOf, type Tell, tellOthers, textOf } from "./notes.ts";

export interface ServiceContext {
  readonly compose: ComposeMap;
  readonly name: string;
  readonly readBeside: ReadBeside;
  readonly tell: Tell;
}

const TAKEN: ReadonlySet<string> = new Set(
  (
    "image build container_name ports expose volumes tmpfs secrets configs environment command entrypoint healthcheck deploy mem_limit cpus " +
    "pids_limit restart user devices cap_add cap_drop logging init read_only working_dir stop_grace_period stop_signal network_mode pull_policy"
  ).split(" "),
);

const WHY_NOT: Readonly<Record<string, string>> = {
  depends_on: "is not taken over: services start together, and each has to wait for what it needs (it is restarted until then)",
  networks: "is not taken over: the services of a deployment share one network and find each other by name",
  links: "is not taken over: the services of a deployment find each other by name",
  env_file: "is not taken over: write its variables into env, and what is secret as {secret: NAME}",
  profiles: "is not taken over: the service is part of the deployment; leave it out where it should not be",
  privileged: "is refused: a container with all rights is the device; name what it needs (devices, capAdd)",
  extends: "is not taken over: write what it extends into the service",
  labels: "is not taken over: nothing reads them on a device",
  extra_hosts: "is not taken over: have the name resolved by the network, or put it into a file at /etc/hosts",
  group_add: "is not taken over: a service with devices keeps the groups of the device's user (dialout, gpio, i2c …)",
  ulimits: "is not taken over; real-time priority is what rootless Podman cannot give",
  security_opt: "is not taken over",
  hostname: "is not taken over: a service is found by its name",
};

export function serviceOf(compose: ComposeMap, context: ServiceContext): ComposeMap {
  const { name: original, tell } = context;
  const at = `services.${original}`;
  const name = dnsLabelOf(original) ?? "service";
  if (name !== original) tell(at, `is called ${name} here, since a name has to be a DNS label: put it right where others name it`);
  for (const key of Object.keys(compose)) {
    if (TAKEN.has(key) || key.startsWith("x-")) continue;
    tell(`${at}.${key}`, lookUp(WHY_NOT, key) ?? "is not taken over");
  }
  if (compose["container_name"] !== undefined)
    tell(`${at}.container_name`, "is not taken over: the container is called <deployment>_<service>");
  if (compose["expose"] !== undefined) tell(`${at}.expose`, "is not needed: services of a deployment reach all ports of each other");
  const { volumes, tmpfs, files, secrets }: Mounts = mountsOf(compose, { ...context, service: original });
  const isOnHost = networkOf(compose, at, tell);
  return withoutEmpty({
    name,
    image: imageOf(compose, name, at, tell),
    pull: pullOf(compose, at, tell),
    ports: portsOf(compose, isOnHost, at, tell),
    entrypoint: commandOf(compose, "entrypoint", at, tell),
    command: commandOf(compose, "command", at, tell),
    env: environmentOf(compose, at, tell),
    volumes,
    tmpfs,
    files,
    secrets,
    devices: devicesOf(compose, at, tell),
    network: isOnHost ? "host" : undefined,
    restart: restartOf(compose, at, tell),
    healthcheck: healthcheckOf(compose, at, tell),
    stopTimeoutSeconds: stopTimeoutOf(compose, at, tell),
    stopSignal: textOf(compose["stop_signal"]) ?? undefined,
    init: compose["init"] === true ? true : undefined,
    resources: resourcesOf(compose, at, tell),
    user: textOf(compose["user"]) ?? undefined,
    workingDir: textOf(compose["working_dir"]) ?? undefined,
    readOnly: compose["read_only"] === true ? true : undefined,
    capAdd: listOf(compose["cap_add"]).flatMap((one) => textOf(one) ?? []),
    capDrop: listOf(compose["cap_drop"]).flatMap((one) => textOf(one) ?? []),
    logging: loggingOf(compose, at, tell),
  });
}

function withoutEmpty(map: ComposeMap): ComposeMap {
  const isEmpty = (value: unknown): boolean =>
    value === undefined || (Array.isArray(value) && value.length === 0) || (isMap(value) && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(map).filter(([, value]) => !isEmpty(value)));
}

function imageOf(compose: ComposeMap, name: string, at: string, tell: Tell): string {
  const image = textOf(compose["image"]);
  const placeholder = `registry.example/${name}:latest`;
  if (compose["build"] !== undefined) {
    tell(
      `${at}.build`,
      `is not taken over: build and push the image${image === null ? `, and put its name in place of ${placeholder}` : ""}`,
    );
  } else if (image === null) tell(`${at}.image`, `is missing: put the image's name in place of ${placeholder}`);
  return image ?? placeholder;
}

function pullOf(compose: ComposeMap, at: string, tell: Tell): string | undefined {
  const policy = textOf(compose["pull_policy"]);
  if (policy === null || policy === "missing" || policy === "if_not_present") return undefined;
  if (policy === "never") return policy;
  if (policy !== "always") tell(`${at}.pull_policy`, `${policy} is not taken over`);
  return policy === "always" ? "newer" : undefined;
}

function portsOf(compose: ComposeMap, isOnHost: boolean, at: string, tell: Tell): string[] {
  return listOf(compose["ports"]).flatMap((value, index) => {
    const path = `${at}.ports[${index}]`;
    if (isOnHost) {
      tell(path, "means nothing on the host's network: it is left out");
      return [];
    }
    const read = ports(value);
    if (typeof read !== "string") return read;
    tell(path, read);
    return [];
  });
}

function commandOf(compose: ComposeMap, key: "entrypoint" | "command", at: string, tell: Tell): unknown {
  const value = compose[key];
  if (value === "" || (Array.isArray(value) && value.length === 0)) {
    tell(`${at}.${key}`, "is empty, which in Compose takes the image's away: write what is to run, since an empty one is not taken over");
    return undefined;
  }
  if (Array.isArray(value)) return value.map((word: unknown) => textOf(word) ?? "");
  return textOf(value) ?? undefined;
}

function environmentOf(compose: ComposeMap, at: string, tell: Tell): Record<string, string> {
  const environment = compose["environment"];
  const entries: readonly (readonly [string, unknown])[] = isMap(environment)
    ? Object.entries(environment)
    : listOf(environment).map((line) => {
        const [, name = "", value] = /^([^=]*)(?:=([\s\S]*))?$/.exec(textOf(line) ?? "") ?? [];
        return [name, value] as const;
      });
  return Object.fromEntries(
    entries.flatMap(([name, value]) => {
      const text = textOf(value);
      if (text !== null) return [[name, text]];
      tell(
        `${at}.environment.${name}`,
        "has no value, which Compose takes from the shell: write it, or {secret: NAME}, or {device: labels.NAME}",
      );
      return [];
    }),
  );
}

function devicesOf(compose: ComposeMap, at: string, tell: Tell): string[] {
  return listOf(compose["devices"]).flatMap((value, index) => {
    const path = `${at}.devices[${index}]`;
    const [source = "", target = source, rights = "rwm"] = isMap(value)
      ? [value["source"], value["target"] ?? value["source"], value["permissions"] ?? "rwm"].map((part) => textOf(part) ?? "")
      : (textOf(value) ?? "").split(":");
    if (!source.startsWith("/dev/")) {
      tell(path, "is no node below /dev: it is not taken over");
      return [];
    }
    if (!/^rwm?$/.test(rights)) tell(path, `the rights ${rights} are not taken over: rootless Podman cannot take any away`);
    if (/\/tty(USB|ACM)\d/.test(source))
      tell(path, `${source} may be another device after a reboot: name the one below /dev/serial/by-id/`);
    tell(
      path,
      `is a device, which the device's policy has to allow: devices = [${JSON.stringify(source)}] under [policy] in its config.toml`,
    );
    return [source === target ? source : `${source}:${target}`];
  });
}

/** Whether it is on the host's. */
function networkOf(compose: ComposeMap, at: string, tell: Tell): boolean {
  const mode = textOf(compose["network_mode"]);
  if (mode === "host") {
    tell(
      `${at}.network_mode`,
      "is the host's network, which the device's policy has to allow: host_network = true under [policy] in its config.toml",
    );
    return true;
  }
  if (mode !== null && mode !== "bridge") tell(`${at}.network_mode`, `${mode} is not taken over`);
  return false;
}

function restartOf(compose: ComposeMap, at: string, tell: Tell): string | undefined {
  const own = textOf(compose["restart"]);
  const condition = textOf(mapOf(mapOf(compose["deploy"])["restart_policy"])["condition"]);
  const said = own ?? (condition === null ? null : { any: "always", "on-failure": "on-failure", none: "no" }[condition]) ?? null;
  if (said === null) {
    tell(`${at}.restart`, 'is not set, which in Compose means "no": on a device it is rather always');
    return "no";
  }
  if (said === "always" || said === "true") return undefined;
  return said === "false" ? "no" : said;
}

function healthcheckOf(compose: ComposeMap, at: string, tell: Tell): ComposeMap | undefined {
  const check = compose["healthcheck"];
  if (!isMap(check) || check["disable"] === true) return undefined;
  const path = `${at}.healthcheck`;
  const test = check["test"];
  const command = Array.isArray(test) ? test.map((word: unknown) => textOf(word) ?? "") : textOf(test);
  if (Array.isArray(command) && command[0] === "NONE") return undefined;
  tellOthers(check, new Set(["test", "interval", "timeout", "retries", "start_period", "disable"]), path, tell);
  if (command === null) {
    tell(path, "has no test of its own, and that of the image is not known here: it is not taken over");
    return undefined;
  }
  const interval = durationMs(check["interval"]);
  if (interval !== null && interval < 30_000)
    tell(`${path}.interval`, "is short for a device: each check wakes it and writes to its card; 30s and more");
  return withoutEmpty({
    test: command,
    interval: duration(check["interval"]) ?? undefined,
    timeout: duration(check["timeout"]) ?? undefined,
    retries: typeof check["retries"] === "number" ? check["retries"] : undefined,
    startPeriod: duration(check["start_period"]) ?? undefined,
  });
}

function stopTimeoutOf(compose: ComposeMap, at: string, tell: Tell): number | undefined {
  const period = compose["stop_grace_period"];
  if (period === undefined) return undefined;
  const ms = durationMs(period);
  if (ms === null) tell(`${at}.stop_grace_period`, "is no duration: it is not taken over");
  return ms === null ? undefined : Math.ceil(ms / 1000);
}

function resourcesOf(compose: ComposeMap, at: string, tell: Tell): ComposeMap {
  const deploy = mapOf(compose["deploy"]);
  const resources = mapOf(deploy["resources"]);
  const limits = mapOf(resources["limits"]);
  tellOthers(deploy, new Set(["resources", "restart_policy", "replicas"]), `${at}.deploy`, tell);
  tellOthers(resources, new Set(["limits"]), `${at}.deploy.resources`, tell);
  tellOthers(limits, new Set(["memory", "cpus", "pids"]), `${at}.deploy.resources.limits`, tell);
  if (deploy["replicas"] !== undefined && deploy["replicas"] !== 1) {
    tell(`${at}.deploy.replicas`, "is not taken over: there is one container for each service and device");
  }
  const pids = Number(textOf(limits["pids"] ?? compose["pids_limit"]) ?? Number.NaN);
  return withoutEmpty({
    memory: size(limits["memory"] ?? compose["mem_limit"]) ?? undefined,
    cpus: Number(textOf(limits["cpus"] ?? compose["cpus"]) ?? Number.NaN) || undefined,
    pids: pids > 0 ? pids : undefined,
  });
}

function loggingOf(compose: ComposeMap, at: string, tell: Tell): ComposeMap {
  const logging = mapOf(compose["logging"]);
  const options = mapOf(logging["options"]);
  const driver = textOf(logging["driver"]);
  const known: Readonly<Record<string, string>> = {
    "json-file": "k8s-file",
    local: "k8s-file",
    "k8s-file": "k8s-file",
    journald: "journald",
    none: "none",
  };
  const ours = driver === null ? undefined : known[driver];
  if (driver !== null && ours === undefined) tell(`${at}.logging.driver`, `${driver} is not taken over: the device's journal has the log`);
  const isFile = ours === "k8s-file" || driver === null;
  tellOthers(options, new Set(isFile ? ["max-size"] : []), `${at}.logging.options`, tell);
  return withoutEmpty({ driver: ours, maxSize: (isFile ? size(options["max-size"]) : null) ?? undefined });
}
