// `iot-agent doctor`: looks at everything that the agent stands on, and names what is not as it should be with the command that mends it.
// Works with and without a running agent, as root and as a member of the group; what only root may see it says.

import { connectPodman, type Info } from "@harmony/podman";
import { UserError } from "@harmony/runtime";
import { wrap } from "@iot/report";
import { type AgentConfig, readConfig } from "../config.ts";
import { LocalStatus } from "./answers.ts";
import { asJson, type Command, EXIT, JSON_OPTION, parseCommandLine, type Surroundings } from "./command.ts";
import { bad, type Finding, good, warning } from "./doctor/finding.ts";
import { machine } from "./doctor/machine.ts";
import {
  checkCredentials,
  checkName,
  checkProxy,
  checkRegistry,
  checkRoute,
  endpointOf,
  isInsecure,
  registriesOf,
} from "./doctor/network-checks.ts";
import { checkPasta, checkPodman } from "./doctor/podman-checks.ts";
import { checkClock, checkControllers, checkJournal, checkLowPorts, checkPower, checkSpace } from "./doctor/system-checks.ts";
import { AGENT_USER, checkGroups, checkLinger, checkSubordinateIds, checkUser, uidOf } from "./doctor/user-checks.ts";
import { podmanSocket } from "./podman-socket.ts";
import { sentenceOf, unitState } from "./why-not-running.ts";

export const doctor: Command = {
  usage: "doctor [--json]",
  summary: "look at all that the agent stands on, and say what would mend it",
  details: `\nExit code ${EXIT.failed} when something is bad. As root it sees everything: sudo iot-agent doctor.\n`,
  async run(args, at) {
    const { values } = parseCommandLine(args, { usage: this.usage, options: JSON_OPTION });
    const findings = await examine(at);
    at.write(values.json === true ? asJson({ findings }) : renderFindings(findings, at.width));
    return findings.some(({ verdict }) => verdict === "bad") ? EXIT.failed : 0;
  },
};

export async function examine(at: Surroundings): Promise<readonly Finding[]> {
  const [config, passwd] = await Promise.all([configOf(at), machine.read("/etc/passwd")]);
  const uid = uidOf(passwd ?? "", AGENT_USER);
  const groups = await Promise.all([
    serviceChecks(at),
    userChecks(passwd ?? ""),
    podmanChecks(at, uid),
    systemChecks(at, uid),
    config instanceof UserError ? Promise.resolve([]) : natsChecks(config),
    registryChecks(at),
  ]);
  const configuration =
    config instanceof UserError
      ? bad("configuration", config.message, "put that line right; the agent starts by itself then")
      : good("configuration", at.configFile);
  return [configuration, ...groups.flat()];
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

async function configOf(at: Surroundings): Promise<AgentConfig | UserError> {
  try {
    return (await readConfig(at.configFile, at.env)).config;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

async function serviceChecks(at: Surroundings): Promise<readonly Finding[]> {
  const unit = await unitState();
  if (unit?.activeState === "active") return [good("service", unit.statusText === "" ? "runs" : unit.statusText)];
  return [bad("service", sentenceOf(unit, at.configFile), "journalctl -u iot-agent -n 20")];
}

async function userChecks(passwd: string): Promise<readonly Finding[]> {
  const [subuid, subgid, groups, lingers] = await Promise.all([
    machine.read("/etc/subuid"),
    machine.read("/etc/subgid"),
    machine.read("/etc/group"),
    machine.exists(`/var/lib/systemd/linger/${AGENT_USER}`),
  ]);
  return [
    checkUser(passwd),
    checkSubordinateIds("/etc/subuid", subuid),
    checkSubordinateIds("/etc/subgid", subgid),
    checkLinger(lingers),
    checkGroups(groups ?? ""),
  ];
}

async function podmanChecks(at: Surroundings, uid: number | null): Promise<readonly Finding[]> {
  const socket = await podmanSocket(at);
  let info: Info | Error;
  try {
    info = await connectPodman({ socketPath: socket }).info(at.signal);
  } catch (error) {
    info = error instanceof Error ? error : new Error(String(error));
  }
  const network = info instanceof Error ? "" : info.host.rootlessNetworkCmd;
  return [...checkPodman(socket, info), ...(info instanceof Error ? [] : [checkPasta({ network, files: await containersConf(uid) })])];
}

async function containersConf(uid: number | null): Promise<readonly string[] | null> {
  const home = `/home/${AGENT_USER}/.config/containers`;
  const mayRead = process.getuid?.() === 0 || process.getuid?.() === uid;
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
  const power = checkPower(vcgencmd.exitCode === 0 ? vcgencmd.stdout : null);
  return [
    checkControllers({ kernel, user, isRaspberryPi: (model ?? "").startsWith("Raspberry Pi") }),
    checkClock({ synchronized: timedatectl.exitCode === 0 ? timedatectl.stdout.trim() : null, timesyncMark }),
    checkSpace("images", `/home/${AGENT_USER}`, homeSpace),
    checkSpace("state", at.stateDir, stateSpace),
    checkJournal(await machine.exists(`/var/log/journal/${(machineId ?? "").trim()}`)),
    checkLowPorts(ports),
    ...(power === null ? [] : [power]),
  ];
}

async function natsChecks(config: AgentConfig): Promise<readonly Finding[]> {
  const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ""}`);
  const proxy = checkProxy([environment.join("\n"), (await machine.read("/etc/environment")) ?? ""]);
  const each = await Promise.all(
    config.natsUrls.map(endpointOf).map(async (endpoint) => {
      const name = await checkName(endpoint);
      return name.verdict === "good" ? [name, await checkRoute(endpoint)] : [name];
    }),
  );
  const found = each.flat();
  const isReached = found.some(({ check, verdict }) => check === "route to NATS" && verdict === "good");
  return [proxy, ...found, ...(isReached ? [await checkCredentials(config)] : [])];
}

async function registryChecks(at: Surroundings): Promise<readonly Finding[]> {
  let images: readonly string[];
  try {
    const { deployments } = await at.agent.ask(LocalStatus, { method: "GET", path: "/status" });
    images = Object.values(deployments).flatMap(({ services }) => services.flatMap(({ image }) => (image === undefined ? [] : [image])));
  } catch {
    return [
      warning("registries", "which images are wanted only the running agent knows", "sudo systemctl start iot-agent, then ask again"),
    ];
  }
  const folder = "/etc/containers/registries.conf.d";
  const names = ["/etc/containers/registries.conf", ...(await machine.list(folder)).map((name) => `${folder}/${name}`)];
  const files = (await Promise.all(names.map((name) => machine.read(name)))).filter((text) => text !== null);
  return Promise.all(registriesOf(images).map((registry) => checkRegistry(registry, isInsecure(registry, files))));
}
