// What the running agent says itself; and Podman: that it answers, is new enough, and starts
// containers with the cable out.

import { clausesOf } from "@harmony/core";
import type { Info } from "@harmony/podman";
import type { LocalConnection } from "@iot/contracts";
import { bad, type Finding, good, warning } from "./finding.ts";
import { AGENT_USER } from "../machine/accounts.ts";

/** The oldest that it is tested with: that of Ubuntu 24.04. */
const LEAST_VERSION = [4, 9] as const;

const START_PODMAN = `sudo systemctl --user --machine=${AGENT_USER}@ start podman.socket iot-agent-podman.socket`;

/** `info`: what Podman answered, or why it did not. */
export function checkPodman(socket: string, info: Info | Error): Finding {
  if (info instanceof Error) return bad("Podman", `does not answer at ${socket}: ${info.message}`, START_PODMAN);
  return good("Podman", `answers at ${socket}`);
}

/** The sentence with which `iot-agent status` begins. */
export function checkConnection(connection: Pick<LocalConnection, "state" | "message"> | undefined): readonly Finding[] {
  if (connection === undefined) return [];
  if (connection.state === "connected") return [good("status", connection.message)];
  const { what, todo } = clausesOf(connection.message);
  return [bad("status", what, todo ?? "see the checks of NATS below")];
}

/**
 * What the running agent finds wrong with the whole device, by means that who asks may not have.
 */
export function checkProblem(problem: { readonly reason: string; readonly message: string } | undefined): readonly Finding[] {
  if (problem === undefined) return [];
  const { reason, message } = problem;
  if (reason === "TopologyUnavailable") return [bad("what runs", message, START_PODMAN)];
  if (reason === "StateNotSaved") return [bad("state", message, "df -h; ls -ld /var/lib/iot-agent, which is the user iot-agent's")];
  return [warning("manifest", clausesOf(message).what, clausesOf(message).todo ?? "see the checks of NATS below")];
}

export function checkVersion(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  const [leastMajor, leastMinor] = LEAST_VERSION;
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return good("Podman's version", version);
  return bad(
    "Podman's version",
    `${version} is older than ${LEAST_VERSION.join(".")}, the oldest that the agent can drive`,
    "use Debian 13, Ubuntu 24.04 or a Raspberry Pi OS made of them",
  );
}

/** `left`: the number of volumes of deployments that are gone; null: it is not known. */
export function checkVolumes(left: number | null): readonly Finding[] {
  if (left === null) return [];
  if (left === 0) return [good("volumes", "each is of a deployment that is here")];
  const says = left === 1 ? "1 volume is" : `${left} volumes are`;
  return [
    warning("volumes", `${says} of deployments that are gone`, "iot-agent volumes lists them with their sizes; none is removed by itself"),
  ];
}

/**
 * With a static address and the cable out pasta starts no container unless it is given addresses of
 * its own. `files`: the texts of containers.conf that count for the user; null: some cannot be
 * read.
 */
export function checkPasta({ network, files }: { readonly network: string; readonly files: readonly string[] | null }): Finding {
  const check = "network of containers";
  if (network !== "pasta" && network !== "") return good(check, network);
  if (files === null)
    return warning(check, `the containers.conf of ${AGENT_USER} cannot be read by this user`, "ask as root: sudo iot-agent doctor");
  if (files.some((text) => /^\s*pasta_options\s*=\s*\[.*"(-a|--address)"/m.test(text)))
    return good(check, "pasta, prepared for a missing cable");
  return warning(
    check,
    "with a static address and the cable out no container starts",
    `put under [network] in /etc/containers/containers.conf: pasta_options = ["-a", "10.0.2.0", "-n", "24", "-g", "10.0.2.2"]`,
  );
}
