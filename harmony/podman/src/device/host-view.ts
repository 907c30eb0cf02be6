// Reads the device's own files that Scores name: secrets that a person put there, device nodes,
// host paths. Writes the folders of files that containers are given. A folder is written whole,
// fsynced, and renamed into place, so none is half written. Folders, and so their content, are for
// the agent's user alone. Every user may read a file itself, which a container needs.

import { createHmac, randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { access, constants, lstat, mkdir, open, readdir, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Parsed } from "@harmony/core";
import { readDurably, syncFolder } from "@harmony/runtime";
import { lookAtPodmanConfig, type PodmanConfig } from "./podman-config.ts";
import { type TrustRule, trustRule } from "./trust-policy.ts";
import { type Runs, runsHere } from "./processor.ts";
import type { DeviceFact, InputFacts, PathFact, SecretFact } from "../model/input-facts.ts";
import { type OpenPorts, readOpenPorts } from "./open-ports.ts";
import { lookAtSecretStore, repairSecretStore, type UntilWritten } from "./secret-store.ts";
import type { SecretStoreFact } from "../model/input-facts.ts";
import { store, type StorageOptions, taken } from "../store/stored-file.ts";
import { processHears } from "./stop-signal.ts";

export interface LookFor {
  readonly deployment: string;
  readonly secrets: readonly string[];
  readonly devices: readonly string[];
  readonly paths: readonly string[];
}

export interface HostView {
  look(wanted: LookFor): Promise<InputFacts>;
  /** The files that Podman's service reads its configuration from. */
  podmanConfig(): Promise<PodmanConfig>;
  /** By which rule of Podman's policy.json an image may run or not. */
  trustRule(reference: string): Promise<TrustRule>;
  /** Whether programs of this processor run here, by Go's name; empty: it is not known. */
  runs(architecture: string): Promise<Runs>;
  /** Whether a process hears a signal; null: it is not known. */
  hears(pid: number, signal: number): Promise<boolean | null>;
  /** null: the kernel does not give them. */
  openPorts(): Promise<OpenPorts | null>;
  /** null: the secret does not exist or may not be read. */
  readSecret(name: string): Promise<{ readonly digest: string; readonly bytes: Buffer } | null>;
  /** @throws the file system's error. */
  writeMounts(folder: string, files: readonly { readonly name: string; readonly mode: number; readonly bytes: Buffer }[]): Promise<void>;
  removeMounts(folder: string): Promise<void>;
  /** `folder`: `secrets` in Podman's graph root, on the device. */
  lookAtSecretStore(folder: string, untilWritten: UntilWritten): Promise<SecretStoreFact>;
  /** @throws the file system's error. */
  repairSecretStore(folder: string, untilWritten: UntilWritten): Promise<void>;
}

/** Where a secret comes from that no person has put on the device. */
export interface SecretSource {
  /** null: it has none of that name, as far as it knows. Never waits for long. */
  read(name: string): Promise<Uint8Array | null>;
  /** What a person may do so that it has one, and why it has none: the rest of a sentence after "or". */
  cure(name: string): string;
}

export interface HostViewOptions {
  /** The folder in which a person puts secrets, one a file. They go before those of the source. */
  readonly secretsFolder: string;
  readonly secretSource?: SecretSource | null | undefined;
  /** The agent's own folder. */
  readonly stateFolder: string;
  readonly onCorrupt: StorageOptions["onCorrupt"];
  /** The home of Podman's user; by default that of this process. */
  readonly home?: string;
  /** The place of the device's file system, for callers that look at it from outside. */
  readonly root?: string;
}

const KEY_BYTES = 32;

export function hostView({
  secretsFolder,
  secretSource = null,
  stateFolder,
  onCorrupt,
  home = homedir(),
  root = "",
}: HostViewOptions): HostView {
  /** The user's own goes first. */
  const configFolders = [join(home, ".config/containers"), "/etc/containers"];
  const mountsFolder = join(stateFolder, "mounts");
  const here = (path: string): string => `${root}${path}`;
  let key: Promise<Uint8Array> | null = null;

  /**
   * Without this key everything that was made with its digests is made anew, since they mean
   * nothing then. Another key is made only where there is none.
   */
  const digestKey = async (): Promise<Uint8Array> => {
    const path = here(join(stateFolder, "secrets.key"));
    const read = await readDurably(path, (bytes): Parsed<Uint8Array> => {
      const message = `expected ${KEY_BYTES} bytes, so that all that was made with a secret is made anew`;
      return bytes.length === KEY_BYTES ? { ok: true, value: bytes } : { ok: false, issues: [{ path: [], message }] };
    });
    const kept = taken(path, read, onCorrupt);
    if (kept !== null) return kept;
    const made = randomBytes(KEY_BYTES);
    await store(path, made);
    return made;
  };

  const readSecret: HostView["readSecret"] = async (name) => {
    const bytes = await readFile(here(join(secretsFolder, name))).catch(async (error: unknown) => {
      const code = codeOf(error);
      if (code === "") throw error;
      const elsewhere = code === "ENOENT" ? await secretSource?.read(name) : null;
      return elsewhere === null || elsewhere === undefined ? null : Buffer.from(elsewhere);
    });
    if (bytes === null) return null;
    key ??= digestKey().catch((error: unknown) => {
      key = null;
      throw error;
    });
    const digest = createHmac("sha256", await key)
      .update(bytes)
      .digest("hex")
      .slice(0, 20);
    return { digest, bytes };
  };

  const secret = async (name: string): Promise<SecretFact> => {
    const found = await readSecret(name);
    if (found !== null) return { kind: "present", digest: found.digest };
    const isThere = await lstat(here(join(secretsFolder, name))).then(
      () => true,
      () => false,
    );
    return isThere ? { kind: "unreadable" } : { kind: "absent", ...(secretSource === null ? {} : { cure: secretSource.cure(name) }) };
  };

  const device = async (node: string): Promise<DeviceFact> => {
    try {
      const [link, found] = await Promise.all([lstat(here(node)), stat(here(node))]);
      if (link.isDirectory()) return deviceFolder(node, link);
      if (!found.isCharacterDevice() && !found.isBlockDevice()) return { kind: "no-device" };
      const isMine = await access(here(node), constants.R_OK | constants.W_OK).then(
        () => true,
        () => false,
      );
      if (!isMine) return { kind: "denied", group: (found.mode & 0o060) === 0o060 ? await groupName(here("/etc/group"), found.gid) : null };
      return { kind: "present", sinceMs: Math.max(link.birthtimeMs, found.birthtimeMs) };
    } catch (error) {
      if (codeOf(error) === "") throw error;
      return { kind: "absent" };
    }
  };

  const path = async (wanted: string): Promise<PathFact> => {
    try {
      const real = (await realpath(here(wanted))).slice(root.length);
      return { kind: "present", real: real === "" ? "/" : real };
    } catch (error) {
      const code = codeOf(error);
      if (code === "") throw error;
      return code === "EACCES" ? { kind: "denied" } : { kind: "absent" };
    }
  };

  return {
    readSecret,

    look: async ({ deployment, secrets, devices, paths }) => {
      const [foundSecrets, foundDevices, foundPaths, folders] = await Promise.all([
        facts(secrets, secret),
        facts(devices, device),
        facts(paths, path),
        readdir(here(mountsFolder)).catch(() => []),
      ]);
      const mounts = folders.filter((folder) => folder.startsWith(`${deployment}_`)).toSorted();
      return { secrets: foundSecrets, devices: foundDevices, paths: foundPaths, mountsFolder, mounts, secretsFolder };
    },

    podmanConfig: () => lookAtPodmanConfig(configFolders, root),

    trustRule: (reference) => trustRule(reference, configFolders, root),

    runs: (architecture) => runsHere(architecture, { root }),

    hears: (pid, signal) => processHears(here(`/proc/${pid}/status`), signal),

    // It reads the tables of its own network, or of the device's first process.
    openPorts: () =>
      readOpenPorts(here(`/proc/${root === "" ? "self" : "1"}/net`)).catch((error: unknown) => {
        if (codeOf(error) === "") throw error;
        return null;
      }),

    writeMounts: async (folder, files) => {
      const final = here(join(mountsFolder, folder));
      // No deployment's name begins with a dot: a folder that a cut leaves here belongs to none,
      // and is overwritten.
      const temporary = here(join(mountsFolder, `.${folder}`));
      await rm(temporary, { recursive: true, force: true });
      await mkdir(temporary, { recursive: true, mode: 0o700 });
      for (const { name, mode, bytes } of files) {
        const file = await open(join(temporary, name), "w", 0o600);
        try {
          await file.writeFile(bytes);
          await file.chmod(mode);
          await file.sync();
        } finally {
          await file.close();
        }
      }
      await syncFolder(temporary);
      await rename(temporary, final);
      await syncFolder(here(mountsFolder));
    },

    removeMounts: async (folder) => {
      await rm(here(join(mountsFolder, folder)), { recursive: true, force: true });
    },

    lookAtSecretStore: (folder, untilWritten) => lookAtSecretStore(folder, { seenAt: here(folder), untilWritten }),
    repairSecretStore: (folder, untilWritten) => repairSecretStore(here(folder), untilWritten),
  };
}

async function facts<Fact>(names: readonly string[], look: (name: string) => Promise<Fact>): Promise<Record<string, Fact>> {
  return Object.fromEntries(await Promise.all([...new Set(names)].map(async (name) => [name, await look(name)] as const)));
}

async function groupName(file: string, gid: number): Promise<string> {
  const groups = await readFile(file, "utf8").catch(() => "");
  const found = groups.split("\n").find((line) => line.split(":")[2] === String(gid));
  return found?.split(":")[0] ?? String(gid);
}

/**
 * A folder of devices that come and go, as /dev/bus/usb. A link to one may lead anywhere, and what
 * every user may write to holds no devices.
 */
function deviceFolder(node: string, { birthtimeMs, mode }: Stats): DeviceFact {
  const isOfDevices = node.startsWith("/dev/") && !/^\/dev\/(shm|mqueue|pts|fd)(\/|$)/.test(node) && (mode & 0o002) === 0;
  return isOfDevices ? { kind: "present", sinceMs: birthtimeMs } : { kind: "no-device" };
}

/** The code of a file system's error; empty: it is another error. */
function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
