// One service of a PodmanV0 Score: a container of the deployment. Its words are Compose's in
// camelCase.

import { DNS_LABEL } from "@harmony/schema";
import * as z from "zod/mini";
import { CapabilityToAdd, CapabilityToDrop, ContainerPath, Device, FileMode, logging, SecretName, Volume } from "./host-values.ts";
import { Group, sysctls, Ulimits } from "./kernel-values.ts";
import { Alias, ExtraHost, HostName, NameServer } from "./network-values.ts";
import { imageReference } from "./image-name.ts";
import { type Limits, limitOf } from "./limits.ts";
import { DEFAULT_PIDS, DEFAULT_STOP_TIMEOUT_SECONDS } from "./defaults.ts";
import { busyFile, type ScoreWords } from "./score-words.ts";
import {
  commandLine,
  Cpus,
  durationUpTo,
  healthTest,
  Port,
  RestartPolicy,
  Signal,
  sizeUpTo,
  TmpfsMount,
  unfitArgument,
  unfitText,
} from "./score-values.ts";

const about = (description: string) => z.describe(description);

const dnsLabel = z
  .string()
  .check(z.regex(DNS_LABEL, { error: "expected a DNS label (at most 63 of a-z, 0-9 and -, first and last a letter or digit)" }));

const VARIABLE = /^[^=\s\p{Cc}]+$/u;

function envSchema(limits: Limits) {
  const name = z
    .string()
    .check(z.regex(VARIABLE, { error: "expected a name without = and white space" }), z.maxLength(limitOf("nameCharacters")));
  return z.record(name, envValue(limits), { error: ({ input }) => asMap(input) }).check(
    z.check(({ value, issues }) => {
      const count = Object.keys(value).length;
      if (count > limits("env"))
        issues.push({ code: "custom", message: `has ${count} variables: at most ${limits("env")}`, input: undefined });
    }),
  );
}

/** Compose and Kubernetes also take lists: `["A=B"]`, `[{name: A, value: B}]`. */
function asMap(input: unknown): string | undefined {
  const first: unknown = Array.isArray(input) ? input[0] : undefined;
  const [, name, value = ""] = typeof first === "string" ? (/^([^=\s]+)(?:=([\s\S]*))?$/.exec(first) ?? []) : namedValue(first);
  return name === undefined ? undefined : `expected a map, and no list: write {${name}: ${JSON.stringify(value)}}`;
}

function namedValue(entry: unknown): readonly (string | undefined)[] {
  if (typeof entry !== "object" || entry === null || !("name" in entry) || typeof entry.name !== "string") return [];
  return ["", entry.name, "value" in entry && typeof entry.value === "string" ? entry.value : ""];
}

function envValue(limits: Limits) {
  const text = z.string().check(
    z.check(({ value, issues }) => {
      const message = unfitArgument(value, limits("textCharacters"));
      if (message !== null) issues.push({ code: "custom", message, input: value });
    }),
  );
  const label = z
    .string()
    .check(
      z.regex(/^(id|timezone|labels\.[A-Za-z0-9_.-]+)$/, { error: "expected id, timezone or labels.NAME" }),
      z.maxLength(limitOf("nameCharacters")),
    );
  return z.union([text, z.strictObject({ secret: SecretName }), z.strictObject({ device: label })], {
    error: ({ input }) => {
      const unfit = typeof input === "string" ? unfitArgument(input, limits("textCharacters")) : null;
      if (unfit !== null) return unfit;
      if (typeof input === "number" || typeof input === "boolean") return `expected text: quote it, "${input}"`;
      const isNearly = typeof input === "object" && input !== null && ("secret" in input || "device" in input);
      return isNearly ? undefined : "expected text, {secret: NAME}, {device: id}, {device: timezone} or {device: labels.NAME}";
    },
  });
}

function fileSchema(limits: Limits) {
  return z.strictObject({
    path: ContainerPath,
    content: z.string({ error: "expected the file's text" }).check(z.maxLength(limits("contentCharacters"))),
    mode: z.prefault(FileMode, "0444").check(about('Permissions in octal, in quotes. "0555" for a program.')),
  });
}

function mountedSecret(secretsFolder: string) {
  return z.strictObject({
    name: SecretName.check(about(`Its file on the device: ${secretsFolder}/NAME.`)),
    path: z.optional(ContainerPath).check(about("By default /run/secrets/NAME.")),
  });
}

function healthcheckSchema(limits: Limits) {
  const duration = durationUpTo(limits("healthcheckHours"));
  return z.strictObject({
    test: healthTest(limits).check(about('A command line for the container\'s shell, or ["CMD", …].')),
    interval: z.prefault(duration, "30s").check(about("Each check wakes the device and writes to its card: 30s and more.")),
    timeout: z.prefault(duration, "30s"),
    retries: z._default(z.int().check(z.minimum(1), z.maximum(limits("retries"))), 3),
    startPeriod: z.prefault(duration, "0s").check(about("Failures within this time after the start do not count.")),
    onFailure: z._default(z.enum(["restart", "none"]), "none").check(about("What happens to a container that has become unhealthy.")),
  });
}

function busySchema(limits: Limits) {
  const most = durationUpTo(limits("busyHours")).check(z.refine((ms) => ms > 0, { error: "is no time: leave busy out" }));
  return z.strictObject(
    { atMost: most.check(about("A new version that waits for it so long is started all the same.")) },
    { error: "expected {atMost: 2h}" },
  );
}

function resourcesSchema(limits: Limits) {
  return z.strictObject({
    memory: z.optional(sizeUpTo(limits("gibibytes"))),
    cpus: z.optional(Cpus),
    pids: z
      .optional(z.int().check(z.minimum(1), z.maximum(limits("pids"))))
      .check(about(`Processes and threads. By default ${DEFAULT_PIDS}.`)),
  });
}

/** What a service sets for itself of names, memory and kernel. */
function ownWays(limits: Limits) {
  return {
    hostname: z.optional(HostName).check(about("The container's own host name. Others find it by name and aliases.")),
    aliases: z
      .optional(z.array(Alias).check(z.maxLength(limits("aliases"))))
      .check(about("Further names by which the other services of the deployment find this one.")),
    extraHosts: z
      .optional(z.array(ExtraHost).check(z.maxLength(limits("extraHosts"))))
      .check(about('"name:address", lines of its /etc/hosts; host-gateway is the device itself.')),
    dns: z.optional(z.array(NameServer).check(z.maxLength(limits("dns")))).check(about("Name servers in place of the device's.")),
    sysctls: z.optional(sysctls(limits)).check(about("net.*, kernel.msg*, kernel.shm*, kernel.sem and fs.mqueue.* of the container.")),
    ulimits: z.optional(Ulimits).check(about("A number, or {soft, hard}; at most what the device's user has.")),
    shmSize: z.optional(sizeUpTo(limits("gibibytes"))).check(about("The size of /dev/shm. By default 64Mi.")),
    groupAdd: z
      .optional(z.array(Group).check(z.maxLength(limits("groups"))))
      .check(about("Further groups of its user, by the image's names. A service with devices has those of the device's user.")),
  };
}

/** When and how it ends. */
function itsEnd(words: ScoreWords, limits: Limits) {
  return {
    busy: z
      .optional(busySchema(limits))
      .check(
        about(`Its program may say "not now": while ${busyFile(words)} exists in the container, no new version and no removal stops it.`),
      ),
    stopTimeoutSeconds: z
      ._default(z.int().check(z.minimum(0), z.maximum(limits("stopTimeoutSeconds"))), DEFAULT_STOP_TIMEOUT_SECONDS)
      .check(about("How long it may take to end after its stop signal before it is killed.")),
    stopSignal: z.optional(Signal).check(about("By default the image's, else SIGTERM.")),
  };
}

/** `limits`: `unlimited` for a Score that was accepted before. */
export function serviceSchema(words: ScoreWords, limits: Limits) {
  const { secretsFolder } = words;
  const command = commandLine(limits);
  const capabilities = z.maxLength(limits("capabilities"));
  return z.strictObject({
    name: dnsLabel.check(about("Unique in the deployment; the other services find this one by it.")),
    image: imageReference,
    pull: z._default(z.enum(["missing", "newer", "never"]), "missing").check(about("When to ask the registry as a container is made.")),
    ports: z.prefault(z.array(Port).check(z.maxLength(limits("ports"))), []).check(about('"[ip:]host:container[/udp]"')),
    entrypoint: z.optional(
      command.check(
        z.refine((words) => words.length > 0, { error: "is empty, which means nothing: leave it out, and the image's own is started" }),
      ),
    ),
    command: z.optional(command),
    env: z._default(envSchema(limits), {}),
    volumes: z
      .prefault(z.array(Volume).check(z.maxLength(limits("volumes"))), [])
      .check(
        about('"name:/path[:ro]": a volume, which outlives its deployment. "/path:/path[:ro]": a path of the device, if it allows it.'),
      ),
    tmpfs: z
      .prefault(z.array(TmpfsMount).check(z.maxLength(limits("tmpfs"))), [])
      .check(about('"/path[:options]", in memory. Without the options suid and dev: nosuid,nodev.')),
    files: z
      ._default(z.array(fileSchema(limits)).check(z.maxLength(limits("files"))), [])
      .check(about("Files with what stands here in them, which the container cannot change.")),
    secrets: z
      ._default(z.array(mountedSecret(secretsFolder)).check(z.maxLength(limits("secrets"))), [])
      .check(about("Files whose content the device has, and nobody else.")),
    devices: z
      .prefault(z.array(Device).check(z.maxLength(limits("devices"))), [])
      .check(about('"/dev/…[:/dev/name]": serial ports by id, I2C, GPIO, a folder such as /dev/bus/usb, if the device allows it.')),
    network: z.optional(z.literal("host")).check(about("host: the device's own network, if it allows it.")),
    ...ownWays(limits),
    restart: z.prefault(RestartPolicy, "always").check(about("always, unless-stopped, on-failure[:tries] or no")),
    healthcheck: z
      .optional(z.union([healthcheckSchema(limits), z.literal("none")]))
      .check(about('"none": what the image declares is switched off.')),
    ...itsEnd(words, limits),
    init: z._default(z.boolean(), false).check(about("A small init as process 1, which reaps and passes signals on.")),
    resources: z.optional(resourcesSchema(limits)),
    user: z.optional(z.string({ error: 'expected "user[:group]" in quotes, e.g. "1000:1000"' }).check(fit(limitOf("nameCharacters")))),
    workingDir: z.optional(z.string().check(z.regex(/^\//, { error: "expected an absolute path" }), fit(limitOf("pathCharacters")))),
    noNewPrivileges: z
      .optional(z.boolean())
      .check(about("true unless it is false: no program gets more rights than what started it, by setuid, sudo or file capabilities.")),
    capAdd: z
      .prefault(z.array(CapabilityToAdd).check(capabilities), [])
      .check(about("Capabilities beyond Podman's usual ones, if the device allows it.")),
    capDrop: z.prefault(z.array(CapabilityToDrop).check(capabilities), []),
    logging: z
      .optional(logging(limits))
      .check(about("By default the device's journal. k8s-file: a file of its own, of at most maxSize (10Mi).")),
    readOnly: z._default(z.boolean(), false).check(about("The container's root file system cannot be written to.")),
  });
}

function fit(most: number) {
  return z.check<string>(({ value, issues }) => {
    const message = unfitText(value, most);
    if (message !== null) issues.push({ code: "custom", message, input: value });
  });
}

export type Service = z.output<ReturnType<typeof serviceSchema>>;
