// The agent's configuration, /etc/iot-agent/config.toml, read once into what the rest of the
// process is given. Additive for ever: a section that this agent does not know is another version's
// and is passed over; an unknown key in a section that it knows is probably a slip of the pen and
// is warned of. A wrong file is one line: the file, the key, what was expected and what was found.
// With [enrolment] the device's id and the way to NATS are not in it: they come with the identity.

import { constants } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { formatIssues, type Parsed, plainText } from "@harmony/core";
import { EX_CONFIG, UserError } from "@harmony/runtime";
import { DnsLabel, parse } from "@harmony/schema";
import type { Policy } from "@harmony/podman";
import { asDeviceId, type DeviceId, STATUS_EVERY_MS } from "@iot/contracts";
import { DEFAULT_RUN_DIR, DEFAULT_SECRETS_DIR, DEFAULT_STATE_DIR } from "./default-paths.ts";
import * as toml from "smol-toml";
import * as z from "zod/mini";

const RELIST_EVERY_MS = 30_000;
/** Of keys that are not known. */
const WARNINGS = 20;
const KEY_CHARACTERS = 64;

const Path = z.string().check(z.regex(/^[^\p{Cc}]+$/u, { error: "expected a path without control characters" }));
const AbsolutePath = z.string().check(z.regex(/^\/[^\p{Cc}]*$/u, { error: "expected an absolute path" }));
const Seconds = z.number().check(z.minimum(1), z.maximum(86_400));
const NatsUrl = z.string().check(
  z.regex(/^((nats|tls):\/\/)?[\w.-]+(:\d{1,5})?$|^((nats|tls):\/\/)?\[[\da-f:]+\](:\d{1,5})?$/i, {
    error: "expected an address of NATS, e.g. nats://central:4222",
  }),
  z.refine((url) => Number(/:(\d{1,5})$/.exec(url)?.[1] ?? 0) <= 65_535, { error: "expected a port of at most 65535" }),
);

const EnrolmentUrl = z.string().check(
  // Without TLS only on this machine itself: whoever reads a token is taken for the device.
  z.regex(/^(https:\/\/[^\s/?#@]+|http:\/\/127\.0\.0\.1:\d{1,5})$/, {
    error: "expected an address, e.g. https://enrol.example",
  }),
);

const Glob = z
  .string()
  .check(z.regex(/^\/(?!.*(^|\/)\.\.?(\/|$))/, { error: 'expected an absolute path, which may have * in it, e.g. "/srv/*"' }));
const Capability = z.string().check(z.regex(/^[A-Z][A-Z_]+$/, { error: 'expected a capability, e.g. "NET_ADMIN"' }));

const AGENT = {
  state_dir: z.optional(Path),
  run_dir: z.optional(Path),
  secrets_dir: z.optional(AbsolutePath),
  status_interval_seconds: z.optional(Seconds),
  relist_interval_seconds: z.optional(Seconds),
  labels: z.optional(z.record(z.string(), z.string())),
};
const NatsUrls = z.array(NatsUrl).check(z.minLength(1));
const NATS = { ca_file: z.optional(AbsolutePath), connect_timeout_seconds: z.optional(Seconds) };
const LOCAL = {
  podman: z.optional(z.looseObject({ socket: z.optional(Path) })),
  policy: z.optional(
    z.looseObject({
      host_paths: z.optional(z.array(Glob)),
      devices: z.optional(z.array(Glob)),
      host_network: z.optional(z.boolean()),
      capabilities: z.optional(z.array(Capability)),
    }),
  ),
  remote: z.optional(
    z.looseObject({
      logs: z.optional(z.boolean()),
      exec: z.optional(z.boolean()),
      users: z.optional(z.array(z.string().check(z.minLength(1)))),
    }),
  ),
};

const SharedFile = z.looseObject({
  agent: z.looseObject({ device_id: DnsLabel, ...AGENT }),
  credentials: z.looseObject({ type: z.enum(["nats-user", "toml-shared"]), nats_user: z.string(), nats_pass: z.string() }),
  nats: z.looseObject({ urls: NatsUrls, ...NATS }),
  ...LOCAL,
});

const EnrolledFile = z.looseObject({
  enrolment: z.looseObject({
    url: EnrolmentUrl,
    ca_file: z.optional(AbsolutePath),
    ca: z.optional(z.string()),
    token: z.optional(z.string()),
  }),
  /** The only one that counts, whatever the enrolment service names. */
  zitadel: z.optional(z.looseObject({ issuer: z.optional(EnrolmentUrl), ca_file: z.optional(AbsolutePath) })),
  credentials: z.optional(z.undefined({ error: "a device with [enrolment] has credentials of its own: remove this section" })),
  agent: z.optional(z.looseObject({ device_id: z.optional(DnsLabel), ...AGENT })),
  /** In place of those that the enrolment service names. */
  nats: z.optional(z.looseObject({ urls: z.optional(NatsUrls), ...NATS })),
  ...LOCAL,
});

const KNOWN_KEYS: Readonly<Record<string, readonly string[]>> = {
  agent: ["device_id", "state_dir", "run_dir", "secrets_dir", "status_interval_seconds", "relist_interval_seconds", "labels"],
  credentials: ["type", "nats_user", "nats_pass"],
  nats: ["urls", "ca_file", "connect_timeout_seconds"],
  enrolment: ["url", "ca_file", "ca", "token"],
  zitadel: ["issuer", "ca_file"],
  podman: ["socket"],
  policy: ["host_paths", "devices", "host_network", "capabilities"],
  remote: ["logs", "exec", "users"],
};

/** What people may ask through NATS. */
export interface RemotePolicy {
  /** Also why a deployment is as it is, and what the agent stands on. */
  readonly logs: boolean;
  /** Commands in containers. */
  readonly exec: boolean;
  /** Null: whoever NATS lets. */
  readonly users: readonly string[] | null;
}

export const REMOTE_DEFAULT: RemotePolicy = { logs: true, exec: false, users: null };

export interface StaticCredentials {
  /** `nats-user`: this device's own. `toml-shared`: others may have it; it ends with 0.3. */
  readonly type: "nats-user" | "toml-shared";
  readonly natsUser: string;
  readonly natsPass: string;
}

/** The device gets its identity from this service, and with it all that it shows to NATS. */
export interface EnrolmentSettings {
  readonly type: "enrolment";
  readonly url: string;
  /** PEM of who signs the service's certificate; undefined: those that Node knows. */
  readonly caFile: string | undefined;
  /** The same, where it stands in the configuration itself, as in that of an image. */
  readonly ca: string | undefined;
  /** The image's token: with it this device may ask, and a person approves. */
  readonly token: string | undefined;
  /** Undefined: the enrolment service says where, and Node knows who signed its certificate. */
  readonly zitadel: { readonly issuer: string | undefined; readonly caFile: string | undefined } | undefined;
}

interface LocalConfig {
  readonly labels: Readonly<Record<string, string>>;
  readonly stateDir: string;
  /** The folder of its sockets for people. */
  readonly runDir: string;
  readonly secretsDir: string;
  readonly policy: Policy;
  /** Undefined: REMOTE_DEFAULT. */
  readonly remote: RemotePolicy | undefined;
  readonly statusIntervalMs: number;
  readonly relistIntervalMs: number;
  /** PEM of who signs the server's certificate; undefined: those that Node knows. */
  readonly natsCaFile: string | undefined;
  /** How long one attempt to connect may take; undefined: as messaging has it. */
  readonly natsConnectTimeoutMs: number | undefined;
  /** The runtime folder of the user that the agent runs as. */
  readonly userRunDir: string;
  readonly podmanSocket: string;
}

export interface SharedConfig extends LocalConfig {
  readonly device: DeviceId;
  readonly credentials: StaticCredentials;
  readonly natsUrls: readonly string[];
}

export interface EnrolmentConfig extends LocalConfig {
  /** What the file says; the identity decides. */
  readonly device: DeviceId | undefined;
  readonly credentials: EnrolmentSettings;
  readonly natsUrls: readonly string[] | undefined;
}

export function isEnrolment(config: SharedConfig | EnrolmentConfig): config is EnrolmentConfig {
  return config.credentials.type === "enrolment";
}

/** What the file says, with the identity of the device where that has one. */
export interface AgentConfig extends LocalConfig {
  readonly device: DeviceId;
  readonly credentials: StaticCredentials | EnrolmentSettings;
  readonly natsUrls: readonly string[];
}

export interface ConfigRead<Config = SharedConfig | EnrolmentConfig> {
  readonly config: Config;
  /** Sentences for the log: nothing of it keeps the agent from working. */
  readonly warnings: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws UserError with EX_CONFIG: one line that says what to put right. */
export async function readConfig(file: string, env: Environment): Promise<ConfigRead> {
  const { text, mode } = await readConfigFile(file);
  const { config, warnings } = parseConfig(text, { file, env });
  if ((mode & 0o004) === 0) return { config, warnings };
  const open = `${file}: every user of this machine can read it, and it holds a password: chmod o-r ${file}`;
  return { config, warnings: [open, ...warnings] };
}

/**
 * Only the section of credentials: a mistake elsewhere keeps nobody from connecting. @throws
 * UserError
 */
export async function readCredentials(file: string): Promise<StaticCredentials> {
  const { text } = await readConfigFile(file);
  const parsed = parse(z.looseObject({ credentials: SharedFile.shape.credentials }), parseToml(text, file));
  return asCredentials(taken(parsed, file).credentials);
}

async function readConfigFile(file: string): Promise<{ readonly text: string; readonly mode: number }> {
  try {
    // A pipe in its place would never end.
    const flag = constants.O_RDONLY | constants.O_NONBLOCK;
    const [text, { mode }] = await Promise.all([readFile(file, { encoding: "utf8", flag }), stat(file)]);
    return { text, mode };
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    const why = code === "ENOENT" ? "there is no such file" : code === "EACCES" ? "this user may not read it" : String(cause);
    throw new UserError(`${file}: cannot read the configuration: ${why}; --config names another file`, EX_CONFIG, { cause });
  }
}

function asCredentials({ type, nats_user, nats_pass }: z.output<typeof SharedFile>["credentials"]): StaticCredentials {
  return { type, natsUser: nats_user, natsPass: nats_pass };
}

export function parseConfig(text: string, { file, env }: { readonly file: string; readonly env: Environment }): ConfigRead {
  const content = parseToml(text, file);
  if (typeof content === "object" && content !== null && "enrolment" in content) {
    const parsed = taken(parse(EnrolledFile, content), file);
    const { agent, enrolment, nats, zitadel: at } = parsed;
    const device = agent?.device_id === undefined ? undefined : asDeviceId(agent.device_id);
    const { url, ca_file: caFile, ca, token } = enrolment;
    const zitadel = at && { issuer: at.issuer, caFile: at.ca_file };
    const credentials: EnrolmentSettings = { type: "enrolment", url, caFile, ca, token, zitadel };
    const config: EnrolmentConfig = { ...localConfig(parsed, { file, env }), device, credentials, natsUrls: nats?.urls };
    return { config, warnings: unknownKeys(parsed, file) };
  }
  const parsed = taken(parse(SharedFile, content), file);
  const { agent, credentials, nats } = parsed;
  const config: SharedConfig = {
    ...localConfig(parsed, { file, env }),
    device: asDeviceId(agent.device_id),
    credentials: asCredentials(credentials),
    natsUrls: nats.urls,
  };
  return { config, warnings: unknownKeys(parsed, file) };
}

/** @throws UserError */
function taken<Value>(parsed: Parsed<Value>, file: string): Value {
  if (parsed.ok) return parsed.value;
  throw new UserError(`${file}: ${formatIssues(parsed.issues.map(withoutPassword))}`, EX_CONFIG);
}

function localConfig(
  { agent, nats, podman, policy, remote }: Pick<z.output<typeof EnrolledFile>, "agent" | "nats" | "podman" | "policy" | "remote">,
  { file, env }: { readonly file: string; readonly env: Environment },
): LocalConfig {
  const userRunDir = env["XDG_RUNTIME_DIR"] ?? `/run/user/${process.getuid?.() ?? 0}`;
  const timeoutS = nats?.connect_timeout_seconds;
  return {
    labels: agent?.labels ?? {},
    stateDir: agent?.state_dir ?? env["STATE_DIRECTORY"]?.split(":")[0] ?? DEFAULT_STATE_DIR,
    runDir: agent?.run_dir ?? DEFAULT_RUN_DIR,
    secretsDir: agent?.secrets_dir ?? DEFAULT_SECRETS_DIR,
    // What is not opened here is closed to every Score.
    policy: {
      hostPaths: policy?.host_paths ?? [],
      devices: policy?.devices ?? [],
      hostNetwork: policy?.host_network ?? false,
      capabilities: policy?.capabilities ?? [],
      file,
    },
    remote: remote && {
      logs: remote.logs ?? REMOTE_DEFAULT.logs,
      exec: remote.exec ?? REMOTE_DEFAULT.exec,
      users: remote.users ?? REMOTE_DEFAULT.users,
    },
    statusIntervalMs: (agent?.status_interval_seconds ?? STATUS_EVERY_MS / 1_000) * 1_000,
    relistIntervalMs: (agent?.relist_interval_seconds ?? RELIST_EVERY_MS / 1_000) * 1_000,
    natsCaFile: nats?.ca_file,
    natsConnectTimeoutMs: timeoutS === undefined ? undefined : timeoutS * 1_000,
    userRunDir,
    podmanSocket: podman?.socket ?? `${userRunDir}/podman/podman.sock`,
  };
}

/**
 * Only the first line of the parser's message: what follows quotes the file, and may quote the
 * password.
 */
function parseToml(text: string, file: string): unknown {
  try {
    return toml.parse(text);
  } catch (error) {
    if (!(error instanceof toml.TomlError)) throw error;
    const what = error.message.split("\n")[0]?.replace(/^Invalid TOML document: /, "") ?? "";
    throw new UserError(`${file}:${error.line}:${error.column}: expected TOML: ${what}`, EX_CONFIG);
  }
}

function withoutPassword(issue: { readonly path: readonly (string | number)[]; readonly message: string }) {
  const isPassword = issue.path.at(-1) === "nats_pass" || issue.path.at(-1) === "token";
  return isPassword ? { ...issue, message: issue.message.replace(/, found .*$/, "") } : issue;
}

function unknownKeys(file: Readonly<Record<string, unknown>>, name: string): string[] {
  const warnings = Object.entries(KNOWN_KEYS).flatMap(([section, known]) => {
    const value = file[section];
    const keys = typeof value === "object" && value !== null ? Object.keys(value) : [];
    return keys
      .filter((key) => !known.includes(key))
      .map(
        (key) =>
          `${name}: ${section}.${plainText(key, KEY_CHARACTERS)}: is not a known key and is passed over; known are ${known.join(", ")}`,
      );
  });
  const more = warnings.length - WARNINGS;
  return more > 0 ? [...warnings.slice(0, WARNINGS), `${name}: ${more} more keys are not known and are passed over`] : warnings;
}
