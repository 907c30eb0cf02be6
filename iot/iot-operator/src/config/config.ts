// The environment, read once into what the rest of the process is given. A wrong value is reported
// by its name, with what was expected.

import { readFileSync } from "node:fs";
import { EX_CONFIG, UserError } from "@harmony/runtime";

export interface GitConfig {
  readonly url: string;
  readonly branch: string;
  /** A folder of the repository, without leading or trailing slash; empty: its root. */
  readonly path: string;
  readonly pollMs: number;
  /** For documents that name none. */
  readonly namespace: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly sshKeyFile: string | undefined;
  readonly sshKnownHostsFile: string | undefined;
}

export interface OperatorConfig {
  readonly nats: {
    readonly servers: readonly string[];
    readonly user: string | undefined;
    readonly pass: string | undefined;
    readonly caFile: string | undefined;
    readonly replicas: number;
  };
  /** null: the Kubernetes API that KUBECONFIG or the service account names. */
  readonly git: GitConfig | null;
  readonly sourceId: string | undefined;
  readonly httpPort: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws UserError naming the variable. */
export function readConfig(env: Environment): OperatorConfig {
  const sourceId = text(env, "IOT_SOURCE_ID");
  if (sourceId !== undefined && !/^[\x21-\x7e]{1,200}$/.test(sourceId))
    throw wrong("IOT_SOURCE_ID", sourceId, "at most 200 printable characters without a space, e.g. git:demo");
  return {
    nats: {
      servers: (text(env, "NATS_URL") ?? "nats://127.0.0.1:4222").split(",").map((url) => natsUrl(url.trim())),
      user: text(env, "NATS_USER"),
      pass: secret(env, "NATS_PASSWORD"),
      caFile: text(env, "NATS_CA"),
      replicas: whole(env, "IOT_BUCKET_REPLICAS", { fallback: 1, min: 1, max: 5 }),
    },
    git: gitConfig(env),
    sourceId,
    httpPort: whole(env, "IOT_HTTP_PORT", { fallback: 8080, min: 0, max: 65_535 }),
  };
}

function gitConfig(env: Environment): GitConfig | null {
  const url = text(env, "IOT_GIT_URL");
  if (url === undefined) return null;
  return {
    url: gitUrl(url),
    branch: gitBranch(text(env, "IOT_GIT_BRANCH") ?? "main"),
    path: gitPath(text(env, "IOT_GIT_PATH") ?? "."),
    pollMs: whole(env, "IOT_GIT_POLL_SECONDS", { fallback: 15, min: 1, max: 86_400 }) * 1_000,
    namespace: namespace(text(env, "IOT_GIT_NAMESPACE") ?? "default"),
    username: text(env, "IOT_GIT_USERNAME"),
    password: secret(env, "IOT_GIT_PASSWORD"),
    sshKeyFile: text(env, "IOT_GIT_SSH_KEY_FILE"),
    sshKnownHostsFile: text(env, "IOT_GIT_SSH_KNOWN_HOSTS_FILE"),
  };
}

/** `user@host:path` is ssh's short form. An absolute path is taken as `file://`. */
function gitUrl(url: string): string {
  if (url.startsWith("/")) return `file://${url}`;
  if (/^[\w.-]+@[\w.-]+:[^/:][^:]*$/.test(url)) return url;
  const parsed = URL.parse(url);
  if (parsed === null || !["file:", "http:", "https:", "ssh:"].includes(parsed.protocol)) {
    throw wrong("IOT_GIT_URL", url, "a repository's URL: file://, http://, https:// or ssh://");
  }
  if (/^https?:$/.test(parsed.protocol) && parsed.search + parsed.hash !== "") {
    throw new UserError("IOT_GIT_URL holds something after ? or #, where a token would show in logs: take it out", EX_CONFIG);
  }
  if (parsed.password !== "" || (parsed.username !== "" && parsed.protocol !== "ssh:")) {
    throw new UserError(
      "IOT_GIT_URL holds a user name or password, which would show in lists of processes and in logs: take it out, and set IOT_GIT_USERNAME and IOT_GIT_PASSWORD_FILE",
      EX_CONFIG,
    );
  }
  return url;
}

/** The rules of git-check-ref-format, for what can be a branch. */
function gitBranch(branch: string): string {
  const bad = /^[-/.]|[/.]$|\.\.|\/\/|\/\.|@\{|\.lock(\/|$)|[\x00-\x20\x7f~^:?*[\\]/;
  if (branch === "" || branch === "@" || bad.test(branch)) throw wrong("IOT_GIT_BRANCH", branch, "the name of a branch, e.g. main");
  return branch;
}

function gitPath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (path.startsWith("/") || parts.includes("..") || /[\x00-\x1f\x7f]/.test(path))
    throw wrong("IOT_GIT_PATH", path, "a folder inside the repository, e.g. deploy/site-a");
  return parts.join("/");
}

function namespace(name: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) throw wrong("IOT_GIT_NAMESPACE", name, "a DNS label");
  return name;
}

function natsUrl(url: string): string {
  const parsed = URL.parse(url.includes("://") ? url : `nats://${url}`);
  if (parsed === null || parsed.hostname === "") throw wrong("NATS_URL", url, "e.g. nats://central:4222");
  if (parsed.username !== "" || parsed.password !== "")
    throw new UserError("NATS_URL holds a user name or password: take it out, and set NATS_USER and NATS_PASSWORD_FILE", EX_CONFIG);
  return url;
}

/** An empty variable is an unset one. */
function text(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value === "" ? undefined : value;
}

/** From `NAME`, or from the file that `NAME_FILE` names. */
function secret(env: Environment, name: string): string | undefined {
  const file = text(env, `${name}_FILE`);
  if (file === undefined) return text(env, name);
  if (text(env, name) !== undefined) throw new UserError(`${name} and ${name}_FILE are both set: set one`, EX_CONFIG);
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch (cause) {
    throw new UserError(
      `failed to read the file that ${name}_FILE names (${file}): ${cause instanceof Error ? cause.message : String(cause)}`,
      EX_CONFIG,
      { cause },
    );
  }
}

function whole(env: Environment, name: string, { fallback, min, max }: { fallback: number; min: number; max: number }): number {
  const value = text(env, name);
  if (value === undefined) return fallback;
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < min || number > max) throw wrong(name, value, `a whole number from ${min} to ${max}`);
  return number;
}

/** What is before an @ or after a ? may be a password or a token, and is not repeated. */
function wrong(name: string, value: string, expected: string): UserError {
  const found = name.endsWith("_URL") ? value.replace(/^.*@/s, "…@").replace(/[?#].*$/s, "?…") : value;
  return new UserError(`${name}: expected ${expected}, found ${JSON.stringify(found)}`, EX_CONFIG);
}
