// The agent's configuration, /etc/iot-agent/config.toml, read once into what the rest of the
// process is given. Additive for ever: a section that this agent does not know is another version's
// and is passed over; an unknown key in a section that it knows is probably a slip of the pen and
// is warned of. A wrong file is one line: the file, the key, what was expected and what was found.

import { constants } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { formatIssues, plainText } from "@harmony/core";
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

const Glob = z
  .string()
  .check(z.regex(/^\/(?!.*(^|\/)\.\.?(\/|$))/, { error: 'expected an absolute path, which may have * in it, e.g. "/srv/*"' }));
const Capability = z.string().check(z.regex(/^[A-Z][A-Z_]+$/, { error: 'expected a capability, e.g. "NET_ADMIN"' }));

const SECTIONS = {
  agent: z.looseObject({
    device_id: DnsLabel,
    state_dir: z.optional(Path),
    run_dir: z.optional(Path),
    secrets_dir: z.optional(AbsolutePath),
    status_interval_seconds: z.optional(Seconds),
    relist_interval_seconds: z.optional(Seconds),
    labels: z.optional(z.record(z.string(), z.string())),
  }),
  credentials: z.looseObject({ type: z.literal("toml-shared"), nats_user: z.string(), nats_pass: z.string() }),
  nats: z.looseObject({
    urls: z.array(NatsUrl).check(z.minLength(1)),
    ca_file: z.optional(AbsolutePath),
    connect_timeout_seconds: z.optional(Seconds),
  }),
  podman: z.optional(z.looseObject({ socket: z.optional(Path) })),
  policy: z.optional(
    z.looseObject({
      host_paths: z.optional(z.array(Glob)),
      devices: z.optional(z.array(Glob)),
      host_network: z.optional(z.boolean()),
      capabilities: z.optional(z.array(Capability)),
    }),
  ),
} as const;

const ConfigFile = z.looseObject(SECTIONS);

const KNOWN_KEYS: Readonly<Record<keyof typeof SECTIONS, readonly string[]>> = {
  agent: ["device_id", "state_dir", "run_dir", "secrets_dir", "status_interval_seconds", "relist_interval_seconds", "labels"],
  credentials: ["type", "nats_user", "nats_pass"],
  nats: ["urls", "ca_file", "connect_timeout_seconds"],
  podman: ["socket"],
  policy: ["host_paths", "devices", "host_network", "capabilities"],
};

export interface TomlSharedCredentials {
  readonly type: "toml-shared";
  readonly natsUser: string;
  readonly natsPass: string;
}

export interface AgentConfig {
  readonly device: DeviceId;
  readonly labels: Readonly<Record<string, string>>;
  readonly stateDir: string;
  /** Where its sockets for people are. */
  readonly runDir: string;
  readonly secretsDir: string;
  readonly policy: Policy;
  readonly statusIntervalMs: number;
  readonly relistIntervalMs: number;
  readonly credentials: TomlSharedCredentials;
  readonly natsUrls: readonly string[];
  /** PEM of who signs the server's certificate; undefined: those that Node knows. */
  readonly natsCaFile: string | undefined;
  /** How long one attempt to connect may take; undefined: as messaging has it. */
  readonly natsConnectTimeoutMs: number | undefined;
  /** Of the user that the agent runs as. */
  readonly userRunDir: string;
  readonly podmanSocket: string;
}

export interface ConfigRead {
  readonly config: AgentConfig;
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
export async function readCredentials(file: string): Promise<TomlSharedCredentials> {
  const { text } = await readConfigFile(file);
  const parsed = parse(z.looseObject({ credentials: SECTIONS.credentials }), parseToml(text, file));
  if (!parsed.ok) throw new UserError(`${file}: ${formatIssues(parsed.issues.map(withoutPassword))}`, EX_CONFIG);
  return asCredentials(parsed.value.credentials);
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

function asCredentials({ type, nats_user, nats_pass }: z.output<typeof SECTIONS.credentials>): TomlSharedCredentials {
  return { type, natsUser: nats_user, natsPass: nats_pass };
}

export function parseConfig(text: string, { file, env }: { readonly file: string; readonly env: Environment }): ConfigRead {
  const parsed = parse(ConfigFile, parseToml(text, file));
  if (!parsed.ok) throw new UserError(`${file}: ${formatIssues(parsed.issues.map(withoutPassword))}`, EX_CONFIG);
  const { agent, credentials, nats, podman, policy } = parsed.value;
  const userRunDir = env["XDG_RUNTIME_DIR"] ?? `/run/user/${process.getuid?.() ?? 0}`;
  const config: AgentConfig = {
    device: asDeviceId(agent.device_id),
    labels: agent.labels ?? {},
    stateDir: agent.state_dir ?? env["STATE_DIRECTORY"]?.split(":")[0] ?? DEFAULT_STATE_DIR,
    runDir: agent.run_dir ?? DEFAULT_RUN_DIR,
    secretsDir: agent.secrets_dir ?? DEFAULT_SECRETS_DIR,
    // What is not opened here is closed to every Score.
    policy: {
      hostPaths: policy?.host_paths ?? [],
      devices: policy?.devices ?? [],
      hostNetwork: policy?.host_network ?? false,
      capabilities: policy?.capabilities ?? [],
      file,
    },
    statusIntervalMs: (agent.status_interval_seconds ?? STATUS_EVERY_MS / 1_000) * 1_000,
    relistIntervalMs: (agent.relist_interval_seconds ?? RELIST_EVERY_MS / 1_000) * 1_000,
    credentials: asCredentials(credentials),
    natsUrls: nats.urls,
    natsCaFile: nats.ca_file,
    natsConnectTimeoutMs: nats.connect_timeout_seconds === undefined ? undefined : nats.connect_timeout_seconds * 1_000,
    userRunDir,
    podmanSocket: podman?.socket ?? `${userRunDir}/podman/podman.sock`,
  };
  return { config, warnings: unknownKeys(parsed.value, file) };
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
  const isPassword = issue.path.at(-1) === "nats_pass";
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
