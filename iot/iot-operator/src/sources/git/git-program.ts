// Runs the `git` program: argument lists, never a shell; an environment of its own, so that neither
// the user's configuration, nor a hook, a helper, a prompt or an exotic protocol takes part; an end
// by force, with all its children, when it takes too long. Credentials reach git through the
// environment of the one command that needs them, and never its arguments.

import { spawn } from "node:child_process";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { plainText } from "@harmony/core";
import type { GitConfig } from "../../config/config.ts";
import type { GitErrorCode } from "../reasons.ts";

/** `git` said no. The message is a sentence with git's own words in it. */
export class GitError extends Error {
  readonly code: GitErrorCode;
  readonly retry = "backoff";
  constructor(code: GitErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "GitError";
    this.code = code;
  }
}

export interface GitRun {
  readonly args: readonly string[];
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly input?: string;
  /** Whether it talks to the remote, and so is given the credentials. */
  readonly remote?: boolean;
  /** The limit of its output; more ends it. */
  readonly limitBytes?: number;
  /**
   * Takes each piece of the output as it comes, and nothing is given at the end. An output of many
   * MiB that is taken apart in one piece holds up everything else.
   */
  readonly onOutput?: (piece: Buffer) => void;
}

export type RunGit = (run: GitRun) => Promise<Buffer>;

const ASKPASS = `#!/bin/sh
case "$1" in Username*) printf '%s\\n' "$IOT_GIT_USERNAME" ;; *) printf '%s\\n' "$IOT_GIT_PASSWORD" ;; esac
`;
// GIT_SSH names a program, while GIT_SSH_COMMAND would be given to a shell.
const SSH = `#!/bin/sh
exec ssh -F "$IOT_GIT_SSH_CONFIG" "$@"
`;
const PASSED_ON = [
  "PATH",
  "HOME",
  "TMPDIR",
  "SSH_AUTH_SOCK",
  "http_proxy",
  "https_proxy",
  "HTTPS_PROXY",
  "no_proxy",
  "NO_PROXY",
  "all_proxy",
  "ALL_PROXY",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "GIT_SSL_CAINFO",
];
const OUTPUT_LIMIT_BYTES = 32 * 1024 * 1024;

const SAID_CHARACTERS = 600;

/** `folder` takes the configuration and the two small programs that git calls back. */
export async function prepareGit(folder: string, config: GitConfig): Promise<RunGit> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = async (name: string, content: string, mode: number): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, content);
    await chmod(path, mode);
    return path;
  };
  const common: Record<string, string> = {
    ...Object.fromEntries(PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: await file("gitconfig", gitConfiguration(config), 0o600),
    GIT_TERMINAL_PROMPT: "0",
    GIT_ALLOW_PROTOCOL: "file:http:https:ssh",
    GIT_OPTIONAL_LOCKS: "0",
  };
  const remote: Record<string, string> = {
    ...common,
    GIT_ASKPASS: await file("askpass", ASKPASS, 0o700),
    IOT_GIT_USERNAME: config.username ?? "git",
    IOT_GIT_PASSWORD: config.password ?? "",
    GIT_SSH: await file("ssh", SSH, 0o700),
    GIT_SSH_VARIANT: "ssh",
    IOT_GIT_SSH_CONFIG: await file("ssh-config", sshConfiguration(config), 0o600),
  };
  const secrets = secretsOf(config);
  return (run) => runGit(run, { folder, env: run.remote === true ? remote : common, secrets });
}

function gitConfiguration({ url }: GitConfig): string {
  const lines = [
    "[core]",
    "hooksPath = /dev/null",
    "[gc]",
    "auto = 0",
    "[maintenance]",
    "auto = false",
    "[fetch]",
    "recurseSubmodules = false",
  ];
  lines.push("[http]", "lowSpeedLimit = 100", "lowSpeedTime = 20", "[advice]", "detachedHead = false");
  // A repository on this machine that another user owns: it was named on purpose.
  if (url.startsWith("file://"))
    lines.push(
      "[safe]",
      `directory = ${JSON.stringify(decodeURI(new URL(url).pathname))}`,
      `directory = ${JSON.stringify(`${decodeURI(new URL(url).pathname)}/.git`)}`,
    );
  return `${lines.join("\n")}\n`;
}

function sshConfiguration({ sshKeyFile, sshKnownHostsFile }: GitConfig): string {
  const lines = ["BatchMode yes", "ConnectTimeout 10", "ServerAliveInterval 10", "ForwardAgent no"];
  if (sshKeyFile !== undefined) lines.push(`IdentityFile "${sshKeyFile}"`, "IdentitiesOnly yes");
  if (sshKnownHostsFile !== undefined) lines.push(`UserKnownHostsFile "${sshKnownHostsFile}"`, "StrictHostKeyChecking yes");
  return `${lines.join("\n")}\n`;
}

function runGit(
  run: GitRun,
  { folder, env, secrets }: { folder: string; env: Record<string, string>; secrets: readonly string[] },
): Promise<Buffer> {
  const { args, signal, timeoutMs, input } = run;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    // A group of its own: git's children (ssh, remote helpers) end with it.
    const child = spawn("git", args, { cwd: folder, env, stdio: ["pipe", "pipe", "pipe"], detached: true });
    const output = outputOf(run);
    let errors = "";
    let ending: Error | null = null;
    const end = (why: Error): void => {
      ending ??= why;
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // Already gone.
      }
    };
    const onAbort = (): void => end(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
    const timer = setTimeout(
      () => end(new GitError("Timeout", `git ${commandOf(args)} did not end within ${timeoutMs / 1_000} s`)),
      timeoutMs,
    );
    signal.addEventListener("abort", onAbort, { once: true });
    child.stdout.on("data", (piece: Buffer) => {
      if (ending !== null) return;
      try {
        output.take(piece);
      } catch (error) {
        end(error instanceof Error ? error : new Error(String(error)));
      }
    });
    child.stderr.on("data", (chunk: Buffer) => {
      if (errors.length < 8_192) errors += chunk.toString();
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input ?? "");
    child.on("error", (cause) => {
      ending ??=
        "code" in cause && cause.code === "ENOENT"
          ? new GitError("MissingProgram", "the program git is not installed here: install it, or put it on PATH", { cause })
          : cause;
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      if (ending !== null) reject(ending);
      else if (code === 0) resolve(output.whole());
      else reject(refusal(commandOf(args), errors, secrets));
    });
  });
}

/** Throws at a piece that is too much, or not what was asked for. */
function outputOf({ args, limitBytes = OUTPUT_LIMIT_BYTES, onOutput }: GitRun): { take(piece: Buffer): void; whole(): Buffer } {
  const pieces: Buffer[] = [];
  let bytes = 0;
  return {
    take(piece) {
      bytes += piece.length;
      if (bytes > limitBytes) {
        const what = `git ${commandOf(args)} gave more than ${limitBytes / 1024 / 1024} MiB`;
        throw new GitError("Failed", `${what}: the repository is too large; set IOT_GIT_PATH to a folder of it`);
      }
      if (onOutput === undefined) pieces.push(piece);
      else onOutput(piece);
    },
    whole: () => Buffer.concat(pieces),
  };
}

/** The options of git itself come before its command. */
function commandOf(args: readonly string[]): string {
  return (args[0] === "--git-dir" ? args[2] : args[0]) ?? "";
}

const CODES: readonly [RegExp, GitErrorCode][] = [
  [/couldn't find remote ref|Remote branch .* not found/i, "MissingBranch"],
  [
    /Authentication failed|could not read (Username|Password)|Permission denied|HTTP 40[13]|requested URL returned error: 40[13]/i,
    "WrongCredentials",
  ],
  [/Host key verification failed/i, "UnknownHostKey"],
  [
    /Could not resolve host|unable to access|Connection (refused|timed out|reset)|No route to host|Network is unreachable|early EOF|hung up/i,
    "Unreachable",
  ],
  [/not a valid object name|not a tree object/i, "MissingPath"],
  [/bad object|bad revision|Invalid symmetric difference|unknown revision|missing (blob|tree|commit)/i, "MissingObject"],
  [/does not appear to be a git repository|repository .* not found|does not exist|not a git repository/i, "MissingRepository"],
];

/** `secrets` stand nowhere in it, whoever said them. */
export function refusal(command: string, errors: string, secrets: readonly string[] = []): GitError {
  const said = errors
    .split("\n")
    .map((line) => line.replace(/^(fatal|error|remote): /, "").trim())
    // ssh frames its warnings.
    .map((line) => line.replaceAll(/^@+|@+$/g, "").trim())
    .filter((line) => line !== "")
    .slice(0, 3)
    .join("; ");
  const code = CODES.find(([pattern]) => pattern.test(errors))?.[1] ?? "Failed";
  return new GitError(code, said === "" ? `git ${command} failed` : plainText(withoutCredentials(said, secrets), SAID_CHARACTERS));
}

const SHORTEST_SECRET = 4;

/**
 * As a server may repeat them: the password as it is, in a URL and in the header of a request. A
 * token may also stand in the place of the user.
 */
export function secretsOf({ username = "git", password = "" }: Pick<GitConfig, "username" | "password">): string[] {
  const plain = password === "" && username !== "git" ? username : password;
  const header = Buffer.from(`${username}:${password}`).toString("base64");
  return [header, encodeURIComponent(plain), plain].filter((text) => text.length >= SHORTEST_SECRET);
}

/** A server may send git elsewhere, or repeat what it was shown, and git repeats what it was told. */
function withoutCredentials(text: string, secrets: readonly string[]): string {
  return secrets
    .reduce((rest, secret) => rest.replaceAll(secret, "***"), text)
    .replaceAll(/(\b[a-z][a-z0-9+.-]{0,20}:\/\/)(?:[^\s/'"]*|[^\s/'"]*:[^\s'"]*)@/gi, "$1")
    .replaceAll(/([a-z]:\/\/[^\s?#]*)[?#][^\s'"]*/gi, "$1");
}
