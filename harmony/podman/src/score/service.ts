// One service of a PodmanV0 Score: a container of the deployment. Its words are Compose's in
// camelCase.

import { DNS_LABEL } from "@harmony/schema";
import * as z from "zod/mini";
import { CapabilityToAdd, CapabilityToDrop, ContainerPath, Device, FileMode, Logging, SecretName, Volume } from "./host-values.ts";
import type { ScoreWords } from "./score-words.ts";
import { CommandLine, Cpus, Duration, HealthTest, Port, RestartPolicy, Signal, Size, TmpfsMount } from "./score-values.ts";

const about = (description: string) => z.describe(description);

const dnsLabel = z
  .string()
  .check(z.regex(DNS_LABEL, { error: "expected a DNS label (at most 63 of a-z, 0-9 and -, first and last a letter or digit)" }));

const imageReference = z
  .string()
  .check(
    z.regex(/^[a-zA-Z0-9][a-zA-Z0-9._:/@-]*$/, { error: 'expected an image, e.g. "docker.io/library/nginx:alpine"' }),
    about("An image by tag or digest, e.g. docker.io/library/nginx:alpine. Without a registry: docker.io."),
  );

const EnvValue = z.union(
  [
    z.string(),
    z.strictObject({ secret: SecretName }),
    z.strictObject({
      device: z.string().check(z.regex(/^(id|labels\.[A-Za-z0-9_.-]+)$/, { error: "expected id or labels.NAME" })),
    }),
  ],
  {
    error: ({ input }) => {
      if (typeof input === "number" || typeof input === "boolean") return `expected text: quote it, "${input}"`;
      const isNearly = typeof input === "object" && input !== null && ("secret" in input || "device" in input);
      return isNearly ? undefined : "expected text, {secret: NAME}, {device: id} or {device: labels.NAME}";
    },
  },
);

export const File = z.strictObject({
  path: ContainerPath,
  content: z.string({ error: "expected the file's text" }),
  mode: z.prefault(FileMode, "0444").check(about('Permissions in octal, in quotes. "0555" for a program.')),
});

export const Healthcheck = z.strictObject({
  test: HealthTest.check(about('A command line for the container\'s shell, or ["CMD", …].')),
  interval: z.prefault(Duration, "30s").check(about("Each check wakes the device and writes to its card: 30s and more.")),
  timeout: z.prefault(Duration, "30s"),
  retries: z._default(z.int().check(z.minimum(1), z.maximum(1000)), 3),
  startPeriod: z.prefault(Duration, "0s").check(about("Failures within this time after the start do not count.")),
  onFailure: z._default(z.enum(["restart", "none"]), "none").check(about("What happens to a container that has become unhealthy.")),
});

export const Resources = z.strictObject({
  memory: z.optional(Size),
  cpus: z.optional(Cpus),
  pids: z.optional(z.int().check(z.minimum(1))),
});

export function serviceSchema({ secretsFolder }: ScoreWords) {
  const MountedSecret = z.strictObject({
    name: SecretName.check(about(`Its file on the device: ${secretsFolder}/NAME.`)),
    path: z.optional(ContainerPath).check(about("By default /run/secrets/NAME.")),
  });

  return z.strictObject({
    name: dnsLabel.check(about("Unique in the deployment; the other services find this one by it.")),
    image: imageReference,
    pull: z._default(z.enum(["missing", "newer", "never"]), "missing").check(about("When to ask the registry as a container is made.")),
    ports: z.prefault(z.array(Port), []).check(about('"[ip:]host:container[/udp]"')),
    entrypoint: z.optional(
      CommandLine.check(
        z.refine((words) => words.length > 0, { error: "is empty, which means nothing: leave it out, and the image's own is started" }),
      ),
    ),
    command: z.optional(CommandLine),
    env: z._default(z.record(z.string().check(z.regex(/^[^=\s]+$/, { error: "expected a name without = and white space" })), EnvValue), {}),
    volumes: z
      .prefault(z.array(Volume), [])
      .check(
        about('"name:/path[:ro]": a volume, which outlives its deployment. "/path:/path[:ro]": a path of the device, if it allows it.'),
      ),
    tmpfs: z.prefault(z.array(TmpfsMount), []).check(about('"/path[:options]", in memory.')),
    files: z
      ._default(z.array(File).check(z.maxLength(64)), [])
      .check(about("Files with what stands here in them, which the container cannot change.")),
    secrets: z
      ._default(z.array(MountedSecret).check(z.maxLength(64)), [])
      .check(about("Files whose content the device has, and nobody else.")),
    devices: z.prefault(z.array(Device), []).check(about('"/dev/…[:/dev/name]": serial ports by id, I2C, GPIO, if the device allows it.')),
    network: z.optional(z.literal("host")).check(about("host: the device's own network, if it allows it.")),
    restart: z.prefault(RestartPolicy, "always").check(about("always, unless-stopped, on-failure[:tries] or no")),
    healthcheck: z.optional(Healthcheck),
    stopTimeoutSeconds: z
      ._default(z.int().check(z.minimum(0), z.maximum(86_400)), 300)
      .check(about("How long it may take to end after its stop signal before it is killed.")),
    stopSignal: z.optional(Signal).check(about("By default the image's, else SIGTERM.")),
    init: z._default(z.boolean(), false).check(about("A small init as process 1, which reaps and passes signals on.")),
    resources: z.optional(Resources),
    user: z.optional(z.string({ error: 'expected "user[:group]" in quotes, e.g. "1000:1000"' })),
    workingDir: z.optional(z.string().check(z.regex(/^\//, { error: "expected an absolute path" }))),
    capAdd: z.prefault(z.array(CapabilityToAdd), []).check(about("Capabilities beyond Podman's usual ones, if the device allows it.")),
    capDrop: z.prefault(z.array(CapabilityToDrop), []),
    logging: z.optional(Logging).check(about("By default the device's journal. k8s-file: a file of its own, of at most maxSize (10Mi).")),
    readOnly: z._default(z.boolean(), false).check(about("The container's root file system cannot be written to.")),
  });
}
export type Service = z.output<ReturnType<typeof serviceSchema>>;
export type EnvValue = z.output<typeof EnvValue>;
