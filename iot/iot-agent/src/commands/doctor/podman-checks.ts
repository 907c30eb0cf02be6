// Podman: that it answers, is new enough, and starts containers with the cable out.

import type { Info } from "@harmony/podman";
import { bad, type Finding, good, warning } from "./finding.ts";
import { AGENT_USER } from "./user-checks.ts";

const LEAST_VERSION = [4, 4] as const;

/** `info`: what Podman told, or why it did not. */
export function checkPodman(socket: string, info: Info | Error): readonly Finding[] {
  if (info instanceof Error) {
    const mend = `sudo systemctl --user -M ${AGENT_USER}@ enable --now podman.socket iot-agent-podman.socket`;
    return [bad("Podman", `does not answer at ${socket}: ${info.message}`, mend)];
  }
  return [good("Podman", `answers at ${socket}`), checkVersion(info.version.Version)];
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

/**
 * With a static address and the cable out pasta starts no container unless it is given addresses of its own. `files`: the texts of
 * containers.conf that count for the user; null: some cannot be read.
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
