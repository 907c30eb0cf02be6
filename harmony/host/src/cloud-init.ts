// A Score as cloud-init's user-data: what planning for a blank host gives, in the words of cloud-init where it has its own
// (packages, files), else as the very scripts that would be run over SSH. So there is one list of what a device needs.

import type { Desired } from "@harmony/core";
import type { HostFacts } from "./facts.ts";
import type { LinuxHostV0 } from "./linux-host-v0-schema.ts";
import { plan } from "./planner.ts";
import { EFFECTS, RESTART_WANTED, scriptOf } from "./script-of.ts";
import { netplanText } from "./static-address.ts";
import { describeStep, type HostStep } from "./step.ts";

/** The user-data; a static address is network-config's (below). */
export function cloudInit(score: LinuxHostV0): string {
  const { staticAddress: _, ...rest } = score;
  const desired: Desired<LinuxHostV0> = { name: "host", revision: "", scoreString: "", data: rest, hold: null };
  const { steps } = plan(desired, blankHost(score));
  const packages = steps.flatMap((step) => (step.kind === "install-packages" ? step.packages : []));
  const files = steps.flatMap((step) => (isRootsFile(step) ? [step] : []));
  const effects = files.flatMap(({ effect }) => EFFECTS[effect]);
  const restarts = steps.some(({ kind }) => kind === "extend-command-line");
  const commands = steps.flatMap((step) => {
    if (step.kind === "install-packages" || step.kind === "set-address" || isRootsFile(step)) return [];
    return [`  # ${describeStep(step)}`, "  - - sh", "    - -ec", ...block("    - ", scriptOf(step))];
  });
  return [
    "#cloud-config",
    "# Written by `iot provision --cloud-init`. The first boot takes some minutes; cloud-init status --wait tells when it is over.",
    ...(score.hostname === undefined ? [] : [`hostname: ${score.hostname}`]),
    ...(score.agentUser.authorizedKeys.length === 0
      ? []
      : [
          "# For the image's own user; the agent's user gets them below.",
          `ssh_authorized_keys: ${JSON.stringify(score.agentUser.authorizedKeys)}`,
        ]),
    "package_update: true",
    "packages:",
    ...packages.map((name) => `  - ${name}`),
    "write_files:",
    ...files.flatMap(({ path, mode, text, purpose }) => [
      `  # so that ${purpose}`,
      `  - path: ${path}`,
      `    permissions: "${mode}"`,
      ...block("    content: ", text),
    ]),
    "runcmd:",
    ...effects.map((effect) => `  - ${effect}`),
    ...commands,
    ...(restarts ? [`power_state: {mode: reboot, delay: now, condition: "test -e ${RESTART_WANTED}"}`] : []),
    "",
  ].join("\n");
}

/** YAML's literal text: read as it stands. `|-` for one that does not end its last line. */
function block(key: string, text: string): readonly string[] {
  const indent = " ".repeat(key.length - key.trimStart().length + 2);
  const lines = text.replace(/\n$/, "").split("\n");
  return [`${key}|${text.endsWith("\n") ? "" : "-"}`, ...lines.map((line) => `${indent}${line}`)];
}

/** The network-config that goes beside the user-data, in netplan's form. */
export function cloudInitNetwork({ staticAddress }: LinuxHostV0): string | null {
  return staticAddress === undefined ? null : netplanText(staticAddress.interface ?? "eth0", staticAddress);
}

type WriteFile = Extract<HostStep, { kind: "write-file" }>;

/** The agent's user is not there yet when cloud-init writes files. */
function isRootsFile(step: HostStep): step is WriteFile {
  return step.kind === "write-file" && step.owner === "root";
}

/** A vendor's image before its first boot. The groups are looked for when the commands run; a memory controller as well. */
function blankHost({ agentUser: { groups } }: LinuxHostV0): HostFacts {
  return {
    system: { id: "debian", like: "", version: "", name: "a blank image" },
    architecture: "",
    hostname: "",
    packages: [],
    user: null,
    groups: [...groups],
    subordinateUids: 0,
    subordinateGids: 0,
    lingers: false,
    podmanSocket: { enabled: "not-found", active: "inactive" },
    folders: [],
    files: [],
    unprivilegedPortStart: null,
    timeSync: [],
    controllers: [],
    commandLine: "",
    interfaces: [],
    defaultRoute: null,
    networkManager: [],
    networkd: [],
    hasNetplan: false,
  };
}
