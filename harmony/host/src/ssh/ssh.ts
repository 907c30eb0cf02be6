// The capability `ssh`: a host on which scripts can be run as root. The system's own OpenSSH client
// serves it, so that a person's keys, agent, jump hosts and known hosts hold as they do in a
// terminal. Host keys are always checked. All scripts share one master connection. A script is sent
// on standard input, so that no list of processes shows any of it.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SshError, toSshError, toSudoError } from "./ssh-error.ts";

export interface ScriptResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Ssh {
  /** The address in use, as given to ssh. */
  readonly host: string;
  /**
   * Runs a POSIX shell script as root (through sudo unless the user is root). The script may fail
   * with an exit code.
   * @throws SshError when it could not be run.
   */
  run(script: string, options: { readonly signal: AbortSignal; readonly timeoutMs?: number }): Promise<ScriptResult>;
  /** The same host, with the same host key, under another address. It has its own connection. */
  at(address: string): Promise<Ssh>;
  /** Ends the shared connection, which the next script opens again. */
  disconnect(): Promise<void>;
  close(): Promise<void>;
}

export interface SshOptions {
  readonly host: string;
  /** The beginning of the name of the temporary folder with the connection's socket. */
  readonly tempPrefix: string;
  readonly user?: string | undefined;
  readonly port?: number | undefined;
  readonly identityFile?: string | undefined;
  /** Replaces the person's own file. */
  readonly knownHostsFile?: string | undefined;
  /** Accepts the key of a host that was never seen; a changed one is refused all the same. */
  readonly acceptNewHostKey?: boolean | undefined;
}

const CONNECT_TIMEOUT_S = 10;
/** The address may never answer, and trying again is better than waiting. */
const CONNECT_TIMEOUT_MOVED_S = 4;
const SCRIPT_TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

// Root needs no sudo, and a minimal system may have none.
const AS_ROOT = `exec /bin/sh -c 'if [ "$(id -u)" = 0 ]; then exec /bin/sh -s; else exec sudo -n -- /bin/sh -s; fi'`;

export function connectSsh(options: SshOptions): Ssh {
  return connect(options, null);
}

/** The address of a host that is known under another name. */
interface Moved {
  readonly address: string;
  readonly hostKeyAlias: string;
}

function connect(options: SshOptions, moved: Moved | null): Ssh {
  const { host, user, port } = options;
  // The path of a socket may have about 100 bytes, and ssh adds 17 of its own while it opens it.
  const folder = mkdtempSync(join(tmpdir(), options.tempPrefix));
  const controlPath = join(folder, "master");
  const settings = {
    BatchMode: "yes",
    ConnectTimeout: String(moved === null ? CONNECT_TIMEOUT_S : CONNECT_TIMEOUT_MOVED_S),
    ServerAliveInterval: "10",
    ServerAliveCountMax: "3",
    StrictHostKeyChecking: options.acceptNewHostKey === true ? "accept-new" : "yes",
    // A key is looked up by the host's name or address alone: another resolver must not hold up a
    // known host.
    CheckHostIP: "no",
    ControlMaster: "auto",
    ControlPath: controlPath,
    ControlPersist: "60",
    ...(options.knownHostsFile === undefined ? {} : { UserKnownHostsFile: options.knownHostsFile, GlobalKnownHostsFile: "/dev/null" }),
    ...(options.identityFile === undefined ? {} : { IdentityFile: options.identityFile, IdentitiesOnly: "yes" }),
    // The host keeps its old name, so that the person's configuration for it still holds.
    ...(moved === null ? {} : { HostName: moved.address, HostKeyAlias: moved.hostKeyAlias }),
  };
  const argv = [
    ...(port === undefined ? [] : ["-p", String(port)]),
    ...(user === undefined ? [] : ["-l", user]),
    ...Object.entries(settings).map(([name, value]) => `-o${name}=${value}`),
    "-T",
  ];
  const target = { ...options, host: moved?.address ?? host };
  const disconnect = async (): Promise<void> => {
    await runSsh(["-o", `ControlPath=${controlPath}`, "-O", "exit", "--", host], { target, timeoutMs: 5_000 }).catch(() => undefined);
  };
  return {
    host: target.host,
    async run(script, { signal, timeoutMs = SCRIPT_TIMEOUT_MS }) {
      // The braces make the shell read all of it before a command can read from the same input.
      const input = `{\n${script}\n} </dev/null\n`;
      const result = await runSsh([...argv, "--", host, AS_ROOT], { input, signal, timeoutMs, target });
      if (result.exitCode === 255) throw toSshError(target, result.stderr);
      const sudo = result.exitCode === 0 ? null : toSudoError(target, result.stderr);
      if (sudo !== null) throw sudo;
      return result;
    },
    async at(address) {
      const { stdout } = await runSsh(["-G", ...argv, "--", host], { target, timeoutMs: 5_000 });
      const setting = (name: string): string | undefined => new RegExp(`^${name} (.*)$`, "m").exec(stdout)?.[1];
      const name = setting("hostname") ?? host;
      const nameWithPort = (setting("port") ?? "22") === "22" ? name : `[${name}]:${setting("port")}`;
      return connect(options, { address, hostKeyAlias: moved?.hostKeyAlias ?? setting("hostkeyalias") ?? nameWithPort });
    },
    disconnect,
    async close() {
      await disconnect();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface RunSshOptions {
  readonly target: SshOptions;
  readonly timeoutMs: number;
  readonly input?: string;
  readonly signal?: AbortSignal;
}

function runSsh(argv: readonly string[], { target, timeoutMs, input = "", signal }: RunSshOptions): Promise<ScriptResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ScriptResult>();
  const child = execFile(
    "ssh",
    argv,
    { timeout: timeoutMs, maxBuffer: MAX_OUTPUT_BYTES, env: { ...process.env, LC_ALL: "C" }, ...(signal === undefined ? {} : { signal }) },
    (error, stdout, stderr) => {
      if (error === null) return resolve({ exitCode: 0, stdout, stderr });
      if (signal?.aborted === true) return reject(error);
      if (typeof error.code === "number") return resolve({ exitCode: error.code, stdout, stderr });
      if (error.code === "ENOENT") {
        return reject(new SshError("NoSshClient", "this machine has no ssh program: install OpenSSH's client (Debian: openssh-client)"));
      }
      const seconds = Math.round(timeoutMs / 1000);
      reject(
        new SshError("TimedOut", `${target.host} did not finish within ${seconds} s: look at what it does, then try again`, {
          cause: error,
        }),
      );
    },
  );
  // ssh may end without reading its input; its exit code says why.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(input);
  return promise;
}
