// `iot-agent doctor`: looks at everything that the agent stands on, and names what is not as it
// should be with the command that repairs it. Works with and without a running agent, as root and
// as a member of the group; what only root may see it says.

import { dirname } from "node:path";
import { connectPodman, type Info, pageBytes } from "@harmony/podman";
import { errorText, UserError } from "@harmony/runtime";
import { LocalStatus } from "@iot/contracts";
import { wrap } from "@iot/report";
import { type EnrolmentConfig, readConfig, type SharedConfig } from "../config/config.ts";
import { DEFAULT_CONFIG_FILE } from "../config/default-paths.ts";
import { EXIT } from "./agent/exit-codes.ts";
import { asJson, type Command, JSON_OPTION, parseCommandLine, type Surroundings } from "./command.ts";
import { bad, type Finding, good, warning } from "./doctor/finding.ts";
import { type AsTheAgent, asTheAgent } from "../identity/enrolled-device.ts";
import { machine } from "./machine/machine.ts";
import {
  checkCredentials,
  checkName,
  checkProxy,
  checkRegistry,
  checkRoute,
  endpointOf,
  isInsecure,
  isProxied,
  notAsked,
  registriesOf,
} from "./doctor/network-checks.ts";
import { checkConnection, checkPasta, checkPodman, checkProblem, checkTrust, checkVersion, checkVolumes } from "./doctor/podman-checks.ts";
import {
  checkClock,
  checkControllers,
  checkJournal,
  checkLowPorts,
  checkPageSize,
  checkPower,
  checkSpace,
} from "./doctor/system-checks.ts";
import { checkConfigFolder, checkGroups, checkLinger, checkSubordinateIds, checkUser } from "./doctor/user-checks.ts";
import { leftVolumes } from "./volumes.ts";
import { AGENT_USER, uidOf } from "./machine/accounts.ts";
import { podmanSocket } from "./agent/podman-socket.ts";
import { sentenceOf, unitState } from "./agent/why-not-running.ts";

export const doctor: Command = {
  usage: "doctor [--json]",
  summary: "look at all that the agent stands on, and say what would repair it",
  details: `\nExit code ${EXIT.failed} when something is bad. As root it sees what the agent's user sees: sudo iot-agent doctor.\n`,
  async run(args, at) {
    const { values } = parseCommandLine(args, { usage: this.usage, options: JSON_OPTION });
    const findings = await examine(at);
    at.write(values.json === true ? asJson({ findings }) : renderFindings(findings, at.width));
    return findings.some(({ verdict }) => verdict === "bad") ? EXIT.failed : 0;
  },
};

export async function examine(at: Surroundings): Promise<readonly Finding[]> {
  const passwd = (await machine.read("/etc/passwd")) ?? "";
  const uid = uidOf(passwd, AGENT_USER);
  const [config, status, environments] = await Promise.all([configOf(at, uid), statusOf(at), readEnvironments()]);
  const groups = await Promise.all([
    serviceChecks(at, status),
    userChecks(passwd, at),
    podmanChecks(at, uid, config),
    volumeChecks(at, status),
    systemChecks(at, uid),
    Promise.resolve([checkProxy(environments)]),
    config instanceof UserError ? Promise.resolve([]) : accessChecks(config, at.configFile),
    registryChecks(status, environments),
  ]);
  const configuration =
    config instanceof UserError
      ? bad("configuration", config.message, "put that line right; the agent starts by itself then")
      : good("configuration", at.configFile);
  return [...checkConnection(status?.connection), configuration, ...groups.flat()];
}

/** Pure. */
export function renderFindings(findings: readonly Finding[], width: number): string {
  const indent = Math.max(...findings.map(({ check }) => check.length)) + 10;
  const lines = findings.flatMap(({ check, verdict, says, mend }) => {
    const head = `${(verdict === "bad" ? "BAD" : verdict).padEnd(8)}${check}`.padEnd(indent);
    const more = " ".repeat(indent);
    // A command is not broken, so that it can be copied.
    return [...wrap(`${head}${says}`, width, more, ""), ...(mend === undefined ? [] : [`${more}→ ${mend}`])];
  });
  const count = (verdict: Finding["verdict"]): number => findings.filter((finding) => finding.verdict === verdict).length;
  return [...lines, "", `${count("good")} good, ${count("warning")} warnings, ${count("bad")} bad.`, ""].join("\n");
}

/** Where Podman's socket is by default depends on whose it is. */
async function configOf(at: Surroundings, uid: number | null): Promise<SharedConfig | EnrolmentConfig | UserError> {
  const env = uid === null ? at.env : { ...at.env, XDG_RUNTIME_DIR: `/run/user/${uid}` };
  try {
    return (await readConfig(at.configFile, env)).config;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

/** Null: it does not answer; why, the unit says. */
async function statusOf(at: Surroundings): Promise<LocalStatus | null> {
  return at.agent.ask(LocalStatus, { method: "GET", path: "/status" }).catch(() => null);
}

async function serviceChecks(at: Surroundings, status: LocalStatus | null): Promise<readonly Finding[]> {
  const unit = await unitState();
  if (unit?.activeState !== "active") return [bad("service", sentenceOf(unit, at.configFile), "journalctl -u iot-agent -n 20")];
  return [good("service", unit.statusText === "" ? "runs" : unit.statusText), ...checkProblem(status?.problem)];
}

async function userChecks(passwd: string, { configFile }: Surroundings): Promise<readonly Finding[]> {
  const folder = dirname(configFile);
  const [owner, subuid, subgid, groups, lingers] = await Promise.all([
    machine.ownerOf(folder),
    machine.read("/etc/subuid"),
    machine.read("/etc/subgid"),
    machine.read("/etc/group"),
    machine.exists(`/var/lib/systemd/linger/${AGENT_USER}`),
  ]);
  return [
    checkUser(passwd),
    // Elsewhere whoever has put it there looks after it.
    ...(configFile === DEFAULT_CONFIG_FILE ? [checkConfigFolder(folder, owner)] : []),
    checkSubordinateIds("/etc/subuid", subuid),
    checkSubordinateIds("/etc/subgid", subgid),
    checkLinger(lingers),
    checkGroups(groups ?? ""),
  ];
}

/** The agent's own socket only its user can ask, beside the one for people. */
async function podmanChecks(
  at: Surroundings,
  uid: number | null,
  config: SharedConfig | EnrolmentConfig | UserError,
): Promise<readonly Finding[]> {
  const sockets = new Set([...(isOneOf([0, uid]) && !(config instanceof UserError) ? [config.podmanSocket] : []), await podmanSocket(at)]);
  const answers = await Promise.all([...sockets].map(async (socket) => ({ socket, info: await infoOf(socket, at.signal) })));
  const info = answers.map((answer) => answer.info).find((found) => !(found instanceof Error));
  return [
    ...answers.map((answer) => checkPodman(answer.socket, answer.info)),
    ...(info === undefined || info instanceof Error
      ? []
      : [checkVersion(info.version.Version), checkPasta({ network: info.host.rootlessNetworkCmd, files: await containersConf(uid) })]),
  ];
}

/** Which deployments are here only the running agent knows. */
async function volumeChecks(at: Surroundings, status: LocalStatus | null): Promise<readonly Finding[]> {
  if (status === null) return checkVolumes(null);
  const podman = connectPodman({ socketPath: await podmanSocket(at), user: AGENT_USER });
  const unused = await podman.unusedVolumes(at.signal).catch(() => null);
  return checkVolumes(unused === null ? null : leftVolumes(unused, Object.keys(status.deployments)).length);
}

function isOneOf(uids: readonly (number | null)[]): boolean {
  return uids.includes(process.getuid?.() ?? null);
}

async function infoOf(socketPath: string, signal: AbortSignal): Promise<Info | Error> {
  return connectPodman({ socketPath, user: AGENT_USER })
    .info(signal)
    .catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
}

async function containersConf(uid: number | null): Promise<readonly string[] | null> {
  const home = `/home/${AGENT_USER}/.config/containers`;
  const mayRead = isOneOf([0, uid]);
  const files = ["/usr/share/containers", "/etc/containers", home].flatMap((folder) => [`${folder}/containers.conf`]);
  const folders = ["/etc/containers/containers.conf.d", `${home}/containers.conf.d`];
  const more = await Promise.all(folders.map(async (folder) => (await machine.list(folder)).map((name) => `${folder}/${name}`)));
  const texts = (await Promise.all([...files, ...more.flat()].map((file) => machine.read(file)))).filter((text) => text !== null);
  const isFound = texts.some((text) => text.includes("pasta_options"));
  return mayRead || isFound ? texts : null;
}

async function systemChecks(at: Surroundings, uid: number | null): Promise<readonly Finding[]> {
  const manager = `/sys/fs/cgroup/user.slice/user-${uid}.slice/user@${uid}.service/cgroup.controllers`;
  const [kernel, user, model, ports, timedatectl, timesyncMark, homeSpace, stateSpace, machineId, vcgencmd] = await Promise.all([
    machine.read("/sys/fs/cgroup/cgroup.controllers"),
    machine.read(manager),
    machine.read("/proc/device-tree/model"),
    machine.read("/proc/sys/net/ipv4/ip_unprivileged_port_start"),
    machine.run(["timedatectl", "show", "--property=NTPSynchronized", "--value"]),
    machine.exists("/run/systemd/timesync/synchronized"),
    machine.space(`/home/${AGENT_USER}`),
    machine.space(at.stateDir),
    machine.read("/etc/machine-id"),
    machine.run(["vcgencmd", "get_throttled"]),
  ]);
  const isRaspberryPi = (model ?? "").startsWith("Raspberry Pi");
  const power = checkPower(vcgencmd.exitCode === 0 ? vcgencmd.stdout : null);
  return [
    checkControllers({ kernel, user, isRaspberryPi }),
    ...checkPageSize(await pageBytes(), isRaspberryPi),
    checkClock({ synchronized: timedatectl.exitCode === 0 ? timedatectl.stdout.trim() : null, timesyncMark }),
    checkSpace("images", `/home/${AGENT_USER}`, homeSpace),
    checkSpace("state", at.stateDir, stateSpace),
    checkJournal(await machine.exists(`/var/log/journal/${(machineId ?? "").trim()}`)),
    checkLowPorts(ports),
    ...(power === null ? [] : [power]),
  ];
}

async function readEnvironments(): Promise<readonly string[]> {
  const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ""}`);
  return [environment.join("\n"), (await machine.read("/etc/environment")) ?? ""];
}

async function accessChecks(config: SharedConfig | EnrolmentConfig, configFile: string): Promise<readonly Finding[]> {
  try {
    const found = await asTheAgent(config);
    const { device, credentials } = found.config;
    const identity = credentials.type === "enrolment" ? [good("identity", `enrolled at ${credentials.url} as "${device}"`)] : [];
    return [...identity, ...(await natsChecks(found, configFile))];
  } catch (error) {
    return [bad("identity", errorText(error), "systemctl status iot-agent")];
  }
}

async function natsChecks({ config, shown }: AsTheAgent, configFile: string): Promise<readonly Finding[]> {
  const each = await Promise.all(
    config.natsUrls.map(endpointOf).map(async (endpoint) => {
      const name = await checkName(endpoint);
      return name.verdict === "good" ? [name, await checkRoute(endpoint)] : [name];
    }),
  );
  const found = each.flat();
  const isReached = found.some(({ check, verdict }) => check === "route to NATS" && verdict === "good");
  return [...found, ...(isReached ? [await checkCredentials({ config, shown }, configFile)] : [])];
}

async function registryChecks(status: LocalStatus | null, environments: readonly string[]): Promise<readonly Finding[]> {
  if (status === null)
    return [
      warning("registries", "which images are wanted only the running agent knows", "sudo systemctl start iot-agent, then ask again"),
    ];
  const trust = checkTrust(status.deployments);
  const services = Object.values(status.deployments).flatMap((deployment) => deployment.services);
  const registries = registriesOf(services.flatMap(({ image }) => (image === undefined ? [] : [image])));
  const folder = "/etc/containers/registries.conf.d";
  const names = ["/etc/containers/registries.conf", ...(await machine.list(folder)).map((name) => `${folder}/${name}`)];
  const files = (await Promise.all(names.map((name) => machine.read(name)))).filter((text) => text !== null);
  const reached = await Promise.all(
    registries.map(async (registry) =>
      isProxied(registry, environments) ? notAsked(registry) : checkRegistry(registry, isInsecure(registry, files)),
    ),
  );
  return [...reached, ...trust];
}
