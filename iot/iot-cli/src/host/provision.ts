// `iot provision`: makes a Linux host ready for the agent, over SSH, or writes the same as a
// cloud-init file. The Score is LinuxHostV0's default or a file's, and on top of it what the flags
// say. @harmony/host has what is done, and in which order.

import { readFile } from "node:fs/promises";
import { canonicalJson, parse } from "@harmony/schema";
import { type Blocked, formatIssues, visibleLines } from "@harmony/core";
import { errorText, UserError } from "@harmony/runtime";
import { cloudInit, cloudInitNetwork, connectSsh, linuxHostV0, type LinuxHostV0, SshError, type StepReport } from "@harmony/host";
import { parse as parseYaml } from "yaml";
import * as z from "zod/mini";
import type { Surroundings } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { IOT_HOST } from "./host-application.ts";

const LINUX_HOST = linuxHostV0(IOT_HOST);

export interface ProvisionOptions {
  readonly host?: string | undefined;
  readonly user?: string | undefined;
  readonly port?: string | undefined;
  readonly identity?: string | undefined;
  readonly knownHosts?: string | undefined;
  readonly acceptNewHostKey?: boolean | undefined;
  readonly score?: string | undefined;
  readonly deviceId?: string | undefined;
  readonly sshKey: readonly string[];
  readonly address?: string | undefined;
  readonly gateway?: string | undefined;
  readonly dns: readonly string[];
  readonly interface?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly cloudInit?: boolean | undefined;
  readonly admin?: string | undefined;
  readonly networkConfig?: boolean | undefined;
}

/** Resolves with the exit code: 0 when nothing is left to do that could be done. */
export async function provision(options: ProvisionOptions, { write, signal }: Pick<Surroundings, "write" | "signal">): Promise<number> {
  const score = await readScore(options);
  if (options.networkConfig === true) {
    write(cloudInitNetwork(IOT_HOST, score) ?? missing("--network-config prints a static address: say --address and --gateway"));
    return 0;
  }
  if (options.cloudInit === true) {
    if (score.staticAddress !== undefined) missing("a static address goes into a file of its own: print it with --network-config");
    if (options.admin !== undefined && !/^[a-z_][a-z0-9_-]*$/.test(options.admin))
      missing(`--admin is a user's name, and not ${options.admin}`);
    write(cloudInit(IOT_HOST, score, { admin: options.admin }));
    return 0;
  }
  return provisionOverSsh(options, score, { write: (text) => write(visibleLines(text)), signal });
}

async function provisionOverSsh(
  options: ProvisionOptions,
  score: LinuxHostV0,
  { write, signal }: Pick<Surroundings, "write" | "signal">,
): Promise<number> {
  const host = options.host ?? missing("say which host with --host, or --cloud-init for a file to put on its card");
  const ssh = connectSsh({
    host,
    tempPrefix: "iot-ssh-",
    user: options.user,
    port: options.port === undefined ? undefined : readPort(options.port),
    identityFile: options.identity,
    knownHostsFile: options.knownHosts,
    acceptNewHostKey: options.acceptNewHostKey,
  });
  const inventory = (): ReturnType<Parameters<typeof LINUX_HOST.interpret>[0]["inventory"]> =>
    Promise.resolve({ architecture: "", capabilities: [], facts: {} });
  const interpret = LINUX_HOST.interpret({ name: host, capabilities: { ssh }, inventory });
  const scoreString = canonicalJson({ type: LINUX_HOST.type, data: score });
  const desired = { name: host, revision: "", scoreString, data: score, hold: null };
  try {
    const { observed, planned, blocked } = await interpret.explain(desired, signal);
    write(`${observed.join("; ")}\n`);
    for (const each of blocked) write(renderBlocked(each));
    if (planned.length === 0) {
      write(blocked.some(({ reason }) => HOPELESS.has(reason)) ? "" : "nothing to do\n");
      return blocked.some(({ reason }) => !HARMLESS.has(reason)) ? 1 : 0;
    }
    write(`to do:\n${planned.map((step, index) => `${String(index + 1).padStart(4)}. ${step}\n`).join("")}`);
    if (options.dryRun === true) return 0;
    let printed = 0;
    let begun = 0;
    const report = await interpret.reconcile(desired, {
      signal,
      onReport: ({ steps, doing }) => {
        for (const step of steps.slice(printed)) write(renderOutcome(step));
        printed = steps.length;
        if (doing === null || begun > printed) return;
        write(`${doing} … `);
        begun = printed + 1;
      },
    });
    const notes = report.blocked.filter(({ reason }) => !blocked.some((before) => before.reason === reason));
    for (const each of notes) write(renderBlocked(each));
    if (report.settled && report.blocked.every(({ reason }) => HARMLESS.has(reason))) {
      write("done: the host is as its Score says\n");
      return 0;
    }
    if (report.phase !== "Blocked") write(`${report.message}\n`);
    return 1;
  } catch (error) {
    throw error instanceof SshError ? new UserError(error.message, exitCodeOf(error), { cause: error }) : error;
  } finally {
    await interpret.close();
  }
}

function exitCodeOf({ code }: SshError): number {
  if (code === "PermissionDenied" || code === "SudoNeedsPassword" || code === "SudoRefused") return EXIT.notPermitted;
  return code === "NoSshClient" || code === "HostKeyChanged" || code === "HostKeyUnknown" ? EXIT.failed : EXIT.notReached;
}

/** The sentence for what is left when all is done that can be done from here. */
const HARMLESS: ReadonlySet<string> = new Set(["NoMemoryController", "RestartNeeded"]);
/** Nothing was looked at any further. */
const HOPELESS: ReadonlySet<string> = new Set(["UnsupportedSystem", "PodmanTooOld", "UserIsSystem"]);

function renderBlocked({ subject, reason, message }: Blocked): string {
  return `${HARMLESS.has(reason) ? "note" : "in the way"}: ${subject}: ${message}\n`;
}

/** Ends the line that the step began. */
function renderOutcome({ outcome, durationMs }: StepReport): string {
  const isDone = outcome.kind === "changed" || outcome.kind === "unchanged";
  return `${isDone ? "done" : outcome.kind}, ${(durationMs / 1000).toFixed(1)} s\n`;
}

const ScoreFile = z.strictObject({ type: z.literal("LinuxHostV0"), data: z._default(z.unknown(), {}) });

async function readScore(options: ProvisionOptions): Promise<LinuxHostV0> {
  const { score: file, deviceId, sshKey, address, gateway, dns } = options;
  const base = file === undefined ? check(LINUX_HOST.parse({}), "") : await readScoreFile(file);
  const keys = await Promise.all(sshKey.map(readPublicKey));
  if ((address === undefined) !== (gateway === undefined)) missing("--address and --gateway go together");
  const staticAddress =
    address === undefined
      ? base.staticAddress
      : { address, gateway, dns, ...(options.interface === undefined ? {} : { interface: options.interface }) };
  const merged = {
    ...base,
    ...(deviceId === undefined ? {} : { hostname: deviceId }),
    agentUser: { ...base.agentUser, authorizedKeys: [...base.agentUser.authorizedKeys, ...keys] },
    ...(staticAddress === undefined ? {} : { staticAddress }),
  };
  return check(LINUX_HOST.parse(merged), "the flags: ");
}

async function readScoreFile(file: string): Promise<LinuxHostV0> {
  const text = await readText(file);
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (error) {
    throw new UserError(`${file} is not YAML: ${errorText(error)}`, 1, { cause: error });
  }
  const { data } = check(parse(ScoreFile, document), `${file}: `);
  return check(LINUX_HOST.parse(data), `${file}: `);
}

function check<T>(parsed: { ok: true; value: T } | { ok: false; issues: Parameters<typeof formatIssues>[0] }, where: string): T {
  if (parsed.ok) return parsed.value;
  throw new UserError(`${where}${formatIssues(parsed.issues)}`);
}

async function readPublicKey(file: string): Promise<string> {
  const text = (await readText(file)).trim();
  if (text.includes("PRIVATE KEY"))
    throw new UserError(`${file} is a private key, which stays where it is: name the public one, ${file}.pub`);
  return text;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new UserError(`failed to read ${file}: ${errorText(error)}`, 1, { cause: error });
  }
}

function readPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) missing(`--port is a number from 1 to 65535, and not ${text}`);
  return port;
}

function missing(message: string): never {
  throw new UserError(message, EXIT.usage);
}
