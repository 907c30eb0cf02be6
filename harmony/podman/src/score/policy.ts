// Decides what a device lets a Score use. The policy is closed unless the device's own
// configuration opens it, so that a person who may push to a repository may not thereby read the
// device's disk or seize its ports. Pure, by the text of the Score; where links lead is looked at
// on the device (host-obstacle.ts).

import { matchesGlob } from "./glob.ts";
import type { PodmanV0 } from "./podman-v0-schema.ts";

export interface Policy {
  /**
   * Globs: `*` within one name, `**` over several. Paths below a match are allowed too; `:ro` at
   * the end allows reading alone.
   */
  readonly hostPaths: readonly string[];
  /** Globs of the names in a Score: the link where there is one. */
  readonly devices: readonly string[];
  readonly hostNetwork: boolean;
  readonly capabilities: readonly string[];
  /** The file for the missing line. */
  readonly file: string;
}

/** The capabilities that Podman gives every container. */
const USUAL_CAPABILITIES: ReadonlySet<string> = new Set(
  "CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT".split(" "),
);

interface Want {
  readonly what: string;
  readonly key: "host_paths" | "devices" | "host_network" | "capabilities";
  readonly entry: string;
}

/**
 * The parts of the Score that the policy does not allow, with the lines that would; null: all is
 * allowed. `program`: the unit that reads the policy.
 */
export function denied(policy: Policy, score: PodmanV0, program: string): string | null {
  const wants = score.services.flatMap((service) =>
    wantsOf(policy, service).map((want) => ({ ...want, what: `service "${service.name}" ${want.what}` })),
  );
  if (wants.length === 0) return null;
  const standing = { host_paths: policy.hostPaths, devices: policy.devices, capabilities: policy.capabilities, host_network: [] };
  const lines = [...new Set(wants.map(({ key }) => key))].map((key) => {
    if (key === "host_network") return "host_network = true";
    const entries = new Set([...standing[key], ...wants.flatMap((want) => (want.key === key ? [want.entry] : []))]);
    return `${key} = [${[...entries].map((entry) => JSON.stringify(entry)).join(", ")}]`;
  });
  const [have, them] = lines.length === 1 ? ["the line", "it"] : ["the lines", "them"];
  return `${wants.map(({ what }) => what).join(", ")}, which this device does not allow: ${have} ${lines.map((line) => `\`${line}\``).join(" and ")} under [policy] in ${policy.file} would allow ${them}; then \`sudo systemctl restart ${program}\``;
}

export function allowsPath(policy: Policy, path: string, readOnly: boolean): boolean {
  return policy.hostPaths.some((entry) => {
    const glob = entry.replace(/:ro$/, "");
    if (glob !== entry && !readOnly) return false;
    return matchesGlob(glob, path, "or below") || matchesGlob(glob, "/");
  });
}

function wantsOf(policy: Policy, service: PodmanV0["services"][number]): Want[] {
  const { volumes, devices, network, capAdd } = service;
  return [
    ...volumes.flatMap((mount): Want[] => {
      if (mount.kind === "volume" || allowsPath(policy, mount.source, mount.readOnly)) return [];
      const entry = `${mount.source}${mount.readOnly ? ":ro" : ""}`;
      return [{ what: `wants ${mount.readOnly ? "to read " : ""}the host path ${mount.source}`, key: "host_paths", entry }];
    }),
    ...devices
      .filter(({ node }) => !policy.devices.some((glob) => matchesGlob(glob, node)))
      .map(({ node }): Want => ({ what: `wants the device ${node}`, key: "devices", entry: node })),
    ...(network === "host" && !policy.hostNetwork
      ? [{ what: "wants the host's network", key: "host_network", entry: "true" } as const]
      : []),
    ...capAdd
      .filter((name) => !USUAL_CAPABILITIES.has(name) && !policy.capabilities.includes(name))
      .map((name): Want => ({ what: `wants the capability ${name}`, key: "capabilities", entry: name })),
  ];
}
