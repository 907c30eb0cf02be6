// `iot-agent support-bundle`: what someone far away needs to understand this device, in one
// archive: doctor, status, history, journal, the containers' last lines, what Podman says, the
// configuration and the units. It has no secrets: each text goes through the one place that takes
// them out (redact.ts). A part that cannot be had says so in its place, and never ends the command.
// Root's only opens the file and reads the journal; all else is read as the agent's user, so that
// no link of that user's brings in what it may not read itself.

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { labelsOf } from "@harmony/podman";
import { IOT_AGENT } from "@iot/contracts";
import { errorText, UserError } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import * as toml from "smol-toml";
import * as z from "zod/mini";
import { readConfig } from "../config/config.ts";
import { DEFAULT_SECRETS_DIR, fetchedSecretsFolder } from "../config/default-paths.ts";
import { AGENT_VERSION } from "../config/version.ts";
import { EXIT } from "./agent/exit-codes.ts";
import { asJson, type Command, parseCommandLine, type Surroundings } from "./command.ts";
import { examine, renderFindings } from "./doctor.ts";
import { becomeAgentUser } from "./machine/become-agent-user.ts";
import { machine } from "./machine/machine.ts";
import { AGENT_USER, uidOf } from "./machine/accounts.ts";
import { readEntries, renderHistory } from "./history.ts";
import { podmanSocket } from "./agent/podman-socket.ts";
import { looksSecret, redact, secretsOfArguments, secretsOfEnvironment } from "./machine/redact.ts";
import { runProgram } from "./machine/run-program.ts";
import { renderLastKnown, renderStatus, statusOrLastKnown } from "./status.ts";
import { tarGz } from "./tar.ts";

const LOG_LINES = 500;
const JOURNAL_LINES = 3_000;
const WIDTH = 160;
/** What journalctl says to whoever is neither root nor in the group adm or systemd-journal. */
const JOURNAL_CLOSED = /insufficient permissions|not seeing messages/;
/** Units of the user iot-agent: what starts containers at boot, and Podman. */
const USER_UNITS = ["iot-agent-containers.service", "iot-agent-podman.service", "podman.service"] as const;
/** With `.json` after it within the 100 bytes that a name in an archive may have. */
const NAME_MAX = 90;

export const supportBundle: Command = {
  usage: "support-bundle [FILE]",
  summary: "pack what someone far away needs to help, without secrets",
  details: `
FILE is iot-agent-DEVICE-DATE.tar.gz in this folder unless told. Passwords, secrets and what looks like them are taken out; look through it all
the same before it leaves the house: what an application writes to its log only you can judge.
`,
  beginsAsRoot: true,
  async run(args, at) {
    const { positionals } = parseCommandLine(args, { usage: this.usage, options: {}, positionals: [0, 1] });
    const device = await readConfig(at.configFile, at.env).then(
      // What an identity says is in a folder of the agent's user, where root reads nothing.
      ({ config }) => config.device ?? "device",
      () => "device",
    );
    const now = new Date();
    const file = positionals[0] ?? `iot-agent-${device}-${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}.tar.gz`;
    const handle = await openToWrite(file);
    const journals = await readJournals();
    becomeAgentUser();
    const texts: Texts = new Map([...journals, ...(await collect(at))]);
    const secrets = await secretsOf(at, texts);
    const folder = `iot-agent-${device}`;
    const files = [...texts].map(([path, text]) => ({ path: `${folder}/${path}`, text: redact(text, secrets) }));
    try {
      await handle.writeFile(tarGz(files, now.getTime()));
    } catch (cause) {
      throw cannotWrite(file, cause);
    } finally {
      await handle.close();
    }
    at.write(`${file}: ${files.length} files, secrets taken out; it is yours alone (mode 0600)\n`);
    if (JOURNAL_CLOSED.test(texts.get("journal.txt") ?? ""))
      at.warn("iot-agent: without the journal, which you may not read; with it: sudo iot-agent support-bundle\n");
    return 0;
  },
};

type Texts = Map<string, string>;

/** There must be no file of that name yet, nor a link. */
async function openToWrite(file: string): Promise<FileHandle> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  try {
    return await open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  } catch (cause) {
    throw cannotWrite(file, cause);
  }
}

function cannotWrite(file: string, cause: unknown): UserError {
  return new UserError(`cannot write ${file}: ${errorText(cause)}; name another file`, EXIT.failed, { cause });
}

async function readJournals(): Promise<Texts> {
  const journal = async (matches: readonly string[]): Promise<string> => {
    const { stdout, stderr } = await runProgram(["journalctl", "--no-pager", `--lines=${JOURNAL_LINES}`, "--output=short-iso", ...matches]);
    return `${stderr}${stdout}`;
  };
  const uid = uidOf((await machine.read("/etc/passwd")) ?? "", AGENT_USER);
  // Each unit's own lines, and the user manager's about it.
  const matches = USER_UNITS.flatMap((unit) => ["_SYSTEMD_USER_UNIT", "USER_UNIT"].map((field) => [`_UID=${uid}`, `${field}=${unit}`]));
  const [agent, podman] = await Promise.all([
    journal(["--unit=iot-agent"]),
    journal(matches.flatMap((match, index) => (index === 0 ? match : ["+", ...match]))),
  ]);
  return new Map([
    ["journal.txt", agent],
    ["journal-of-podman.txt", podman],
  ]);
}

async function collect(at: Surroundings): Promise<Texts> {
  const program = async (argv: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await runProgram(argv);
    return exitCode === 0 ? stdout : `${stdout}${argv.join(" ")}: exit code ${exitCode ?? "none"}: ${stderr}`;
  };
  const socket = await podmanSocket(at);
  const podman = (...args: string[]): Promise<string> => program(["podman", "--remote", "--url", `unix://${socket}`, ...args]);
  const texts: Texts = new Map();
  const part = async (path: string, get: () => Promise<string>): Promise<void> => {
    texts.set(path, await get().catch((error: unknown) => `${errorText(error)}\n`));
  };
  const status = (): ReturnType<typeof statusOrLastKnown> => statusOrLastKnown(at);
  await Promise.all([
    part("doctor.txt", async () => renderFindings(await examine(at), WIDTH)),
    part("status.txt", async () => {
      const found = await status();
      if (found.running) return renderStatus(found.status, { width: WIDTH, nowMs: Date.now() });
      return `${found.message}\n${found.lastKnown === null ? "" : renderLastKnown(found.lastKnown, WIDTH)}`;
    }),
    part("status.json", async () => {
      const found = await status();
      return asJson(found.running ? found.status : found);
    }),
    part("history.txt", async () => renderHistory(await readEntries(at), WIDTH)),
    part("units.txt", () => program(["systemctl", "cat", "--no-pager", "iot-agent.service"])),
    part("unit-state.txt", () => program(["systemctl", "status", "--no-pager", "--full", "--lines=0", "iot-agent.service"])),
    part("config.toml", async () =>
      withoutSecretKeys((await machine.read(at.configFile)) ?? `${at.configFile} cannot be read by this user\n`),
    ),
    part("versions.txt", () => versions(program)),
    part("podman/info.json", () => podman("info", "--format=json")),
    part("podman/ps.txt", () => podman("ps", "--all")),
    part("podman/images.txt", () => podman("images", "--digests")),
  ]);
  const names = (await podman("ps", "--all", "--format={{.Names}}")).split("\n").filter((name) => /^[\w.-]+$/.test(name));
  await Promise.all(
    names.slice(0, 64).flatMap((name, index) => {
      const file = name.length <= NAME_MAX ? name : `${name.slice(0, NAME_MAX - 3)}.${index}`;
      return [
        part(`containers/${file}.log`, () => podmanLog(socket, name)),
        part(`containers/${file}.json`, async () => withoutScore(await podman("inspect", name))),
      ];
    }),
  );
  return texts;
}

/** Both streams: an application's last words are often on stderr. */
async function podmanLog(socket: string, name: string): Promise<string> {
  const { stdout, stderr } = await runProgram([
    "podman",
    "--remote",
    "--url",
    `unix://${socket}`,
    "logs",
    `--tail=${LOG_LINES}`,
    "--timestamps",
    name,
  ]);
  return `${stdout}${stderr}`;
}

async function versions(program: (argv: readonly string[]) => Promise<string>): Promise<string> {
  const [podman, systemd, kernel, os] = await Promise.all([
    program(["podman", "--version"]),
    program(["systemctl", "--version"]),
    program(["uname", "-a"]),
    machine.read("/etc/os-release"),
  ]);
  return [`iot-agent ${AGENT_VERSION}, Node ${process.version}`, podman.trim(), systemd.trim(), kernel.trim(), os ?? ""].join("\n");
}

/**
 * A Score may carry whole files of configuration; which revision it is of stands beside it. Pure.
 */
export function withoutScore(inspected: string): string {
  return inspected.replaceAll(
    new RegExp(`("${labelsOf(IOT_AGENT).score.replaceAll(".", "\\.")}":\\s*)"(?:[^"\\\\]|\\\\.)*"`, "g"),
    '$1"[left out]"',
  );
}

/** Pure. */
export function withoutSecretKeys(text: string): string {
  return text.replaceAll(/^(\s*"?([\w.-]+)"?\s*=\s*)(.+)$/gm, (line, head: string, key: string) =>
    looksSecret(key) ? `${head}"[redacted]"` : line,
  );
}

const Configuration = z.looseObject({
  agent: z.optional(z.looseObject({ secrets_dir: z.optional(z.string()) })),
  credentials: z.optional(z.record(z.string(), z.unknown())),
});
/** A command is a list; an older Podman gives one text. */
const Words = z.optional(z.nullable(z.union([z.string(), z.array(z.string())])));
const Inspected = z.array(
  z.looseObject({
    Args: Words,
    Config: z.looseObject({
      Env: z.optional(z.nullable(z.array(z.string()))),
      Cmd: Words,
      Entrypoint: Words,
      CreateCommand: Words,
      Healthcheck: z.optional(z.nullable(z.looseObject({ Test: Words }))),
    }),
  }),
);

async function secretsOf(at: Surroundings, texts: Texts): Promise<readonly string[]> {
  const { folder, secrets } = secretsOfConfig((await machine.read(at.configFile)) ?? "");
  const ofFolder = async (path: string): Promise<readonly (string | null)[]> =>
    Promise.all((await machine.list(path)).map((name) => machine.read(join(path, name))));
  const files = [...(await ofFolder(folder)), ...(await ofFolder(fetchedSecretsFolder(at.stateDir)))];
  const containers = [...texts]
    .filter(([path]) => path.startsWith("containers/") && path.endsWith(".json"))
    .flatMap(([, text]) => secretsOfInspected(text));
  const token = parseJson(
    z.looseObject({ access_token: z.string() }),
    (await machine.read(join(at.stateDir, "identity/token.json"))) ?? "",
  );
  return [...secrets, ...(token.ok ? [token.value.access_token] : []), ...files.filter((text) => text !== null), ...containers];
}

/** Pure. */
export function secretsOfInspected(text: string): readonly string[] {
  const parsed = parseJson(Inspected, text);
  return (parsed.ok ? parsed.value : []).flatMap(({ Args, Config: { Env, Cmd, Entrypoint, CreateCommand, Healthcheck } }) => [
    ...secretsOfEnvironment(Env ?? []),
    ...[Args, Cmd, Entrypoint, CreateCommand, Healthcheck?.Test].flatMap((words) => secretsOfArguments([words ?? []].flat())),
  ]);
}

function secretsOfConfig(text: string): { readonly folder: string; readonly secrets: readonly string[] } {
  let value: unknown;
  try {
    value = toml.parse(text);
  } catch {
    value = {};
  }
  const parsed = Configuration.safeParse(value);
  const { agent, credentials = {} } = parsed.success ? parsed.data : {};
  return {
    folder: agent?.secrets_dir ?? DEFAULT_SECRETS_DIR,
    secrets: Object.entries(credentials).flatMap(([key, secret]) => (looksSecret(key) && typeof secret === "string" ? [secret] : [])),
  };
}
