// Decides the steps that make a host as its Score says. Pure: a Score and the host's facts give the
// steps in their order, and in words the causes that stand in the way. A step is left out when the
// facts say that it is done already.

import type { Blocked, Desired, Plan } from "@harmony/core";
import { lookUp } from "@harmony/schema";
import { AUTHORIZED_KEYS, COMMAND_LINE, type HostFacts } from "../model/host-facts.ts";
import type { LinuxHostV0 } from "../score/linux-host-v0-schema.ts";
import type { HostApplication } from "../model/application.ts";
import { managedFiles } from "../model/managed-files.ts";
import { addressChange, chosenInterface, hasAddress, managementOf } from "./static-address.ts";
import type { HostStep } from "../model/step.ts";

/** The first releases whose Podman is 4.9 or newer. Their systemd is 253 or newer as well. */
const OLDEST: Readonly<Record<string, number>> = { debian: 13, raspbian: 13, ubuntu: 24.04 };
const MEMORY_PARAMETERS = ["cgroup_enable=memory", "cgroup_memory=1"];
const DEFAULT_TIME_SERVICE = "systemd-timesyncd";
const FIRST_ORDINARY_UID = 1000;
const SUBORDINATE_IDS = 65_536;

export function plan(application: HostApplication, { data: score }: Desired<LinuxHostV0>, facts: HostFacts): Plan<HostStep> {
  const obstacle = score === null ? NOT_REMOVABLE : (unsupported(facts) ?? wrongUser(score, facts));
  if (score === null || obstacle !== null) return { steps: [], blocked: obstacle === null ? [] : [obstacle], recheckAfterMs: null };
  const memory = memorySteps(application, score, facts);
  const address = addressSteps(application, score, facts);
  const steps = [
    ...hostnameSteps(score, facts),
    ...packageSteps(score, facts),
    ...userSteps(application, score, facts),
    ...folderSteps(score, facts),
    ...fileSteps(application, score, facts),
    ...socketSteps(score, facts),
    ...memory.steps,
    // The address comes last: a step after it would come from another address.
    ...address.steps,
  ];
  return { steps, blocked: [...memory.blocked, ...address.blocked], recheckAfterMs: null };
}

interface Part {
  readonly steps: readonly HostStep[];
  readonly blocked: readonly Blocked[];
}

const NOTHING: Part = { steps: [], blocked: [] };

const NOT_REMOVABLE: Blocked = {
  subject: "host",
  reason: "NotRemovable",
  message: "what provisioning has made of a host is not taken back: install the system anew",
};

function unsupported({ system }: HostFacts): Blocked | null {
  const oldest = lookUp(OLDEST, system.id) ?? null;
  const known = "provisioning knows Debian 13, Raspberry Pi OS of the same age (trixie), Ubuntu 24.04, and newer ones";
  if (oldest === null) {
    return { subject: "system", reason: "UnsupportedSystem", message: `the host runs ${system.name}: ${known}` };
  }
  // Debian's testing has no number yet.
  if (system.version === "" || Number(system.version) >= oldest) return null;
  return { subject: "system", reason: "PodmanTooOld", message: `the host runs ${system.name}, whose Podman is older than 4.9: ${known}` };
}

function wrongUser({ agentUser: { name } }: LinuxHostV0, { user }: HostFacts): Blocked | null {
  if (user === null || user.uid >= FIRST_ORDINARY_UID) return null;
  return {
    subject: "user",
    reason: "UserIsSystem",
    message:
      `the user ${name} has the uid ${user.uid}, and below ${FIRST_ORDINARY_UID} the logs of its containers go elsewhere: ` +
      `remove it on the host with "sudo userdel ${name}", then provision again`,
  };
}

function hostnameSteps({ hostname }: LinuxHostV0, facts: HostFacts): readonly HostStep[] {
  return hostname === undefined || hostname === facts.hostname ? [] : [{ kind: "set-hostname", hostname }];
}

function packageSteps({ packages, timeSync }: LinuxHostV0, facts: HostFacts): readonly HostStep[] {
  const isThere = facts.timeSync.filter(({ enabled }) => enabled !== "not-found" && enabled !== "masked");
  const isKept = !timeSync || isThere.some(({ enabled }) => enabled === "enabled" || enabled === "alias");
  const installed = new Set(facts.packages.map(({ name }) => name));
  const missing = packages.filter((name) => !installed.has(name));
  const unit = isThere[0]?.unit ?? DEFAULT_TIME_SERVICE;
  if (!isKept && isThere.length === 0) missing.push(DEFAULT_TIME_SERVICE);
  return [
    ...(missing.length === 0 ? [] : [{ kind: "install-packages", packages: missing } as const]),
    ...(packages.includes("openssh-server") && !facts.ssh.includes("enabled") ? [{ kind: "enable-ssh" } as const] : []),
    ...(isKept ? [] : [{ kind: "enable-time-sync", unit } as const]),
  ];
}

function userSteps(
  { userFullName: fullName }: HostApplication,
  { agentUser: { name: user, groups } }: LinuxHostV0,
  facts: HostFacts,
): readonly HostStep[] {
  const there = groups.filter((group) => facts.groups.includes(group));
  const missing = there.filter((group) => facts.user !== null && !facts.user.groups.includes(group));
  const hasIds = facts.subordinateUids >= SUBORDINATE_IDS && facts.subordinateGids >= SUBORDINATE_IDS;
  return [
    ...(facts.user === null ? [{ kind: "create-user", user, fullName, groups: there } as const] : []),
    ...(missing.length === 0 ? [] : [{ kind: "add-to-groups", user, groups: missing } as const]),
    // A user that is created gets them with it.
    ...(facts.user === null || hasIds ? [] : [{ kind: "add-subordinate-ids", user } as const]),
    ...(facts.lingers ? [] : [{ kind: "enable-linger", user } as const]),
    ...(facts.peopleOutside.length === 0 ? [] : [{ kind: "admit-people", group: user, people: facts.peopleOutside } as const]),
  ];
}

function folderSteps({ agentUser: { name: user }, directories }: LinuxHostV0, facts: HostFacts): readonly HostStep[] {
  const home = facts.user?.home ?? `/home/${user}`;
  const theirs = [home, ...directories.flatMap(({ path, owner }) => (owner === "root" ? [] : [path]))];
  return directories.flatMap(({ path, mode, owner }): readonly HostStep[] => {
    const found = facts.folders.find((folder) => folder.path === path);
    if (owner === "agentUser") return folderStep(facts, { path, mode, user, byOwner: theirs.some((each) => path.startsWith(`${each}/`)) });
    if (found === undefined) return [{ kind: "make-folder", path, mode, owner, group: user, byOwner: false }];
    return isOwnedAs(found, { mode, owner, group: user }) && !found.holdsForeign ? [] : [{ kind: "take-folder", path, mode, user }];
  });
}

/** The step for a folder of the agent's user. */
function folderStep(
  facts: HostFacts,
  { path, mode, user, byOwner }: { path: string; mode: string; user: string; byOwner: boolean },
): readonly HostStep[] {
  const owned = { mode, owner: user, group: user };
  const found = facts.folders.find((folder) => folder.path === path);
  return isOwnedAs(found, owned) ? [] : [{ kind: "make-folder", path, ...owned, byOwner }];
}

type Ownership = Readonly<Record<"mode" | "owner" | "group", string>>;

function isOwnedAs(found: Ownership | undefined, { mode, owner, group }: Ownership): boolean {
  return found?.mode === mode && found.owner === owner && found.group === group;
}

function fileSteps(application: HostApplication, score: LinuxHostV0, facts: HostFacts): readonly HostStep[] {
  const owned = { mode: "0644", owner: "root", group: "root" };
  const managed = managedFiles(application, score).flatMap(({ path, text, purpose, effect }): readonly HostStep[] => {
    const found = facts.files.find((file) => file.path === path);
    const counts = effect !== "sysctl" || [null, score.unprivilegedPortStart].includes(facts.unprivilegedPortStart);
    if (found?.text === text && isOwnedAs(found, owned) && counts) return [];
    return [{ kind: "write-file", path, text, mode: owned.mode, owner: owned.owner, byOwner: false, purpose, effect }];
  });
  return [...managed, ...authorizedKeys(score, facts)];
}

/** Adds keys to the present ones: another program, or a person, may have put those. */
function authorizedKeys({ agentUser: { name: owner, authorizedKeys: keys } }: LinuxHostV0, facts: HostFacts): readonly HostStep[] {
  if (keys.length === 0) return [];
  const home = facts.user?.home ?? `/home/${owner}`;
  const path = `${home}/${AUTHORIZED_KEYS}`;
  const found = facts.files.find((file) => file.path === path);
  const lines = (found?.text ?? "").split("\n").filter(Boolean);
  // The key itself is the second word; the comment beside it may differ.
  const missing = keys.filter((key) => !lines.some((line) => line.includes(key.split(" ")[1] ?? key)));
  const isRight = missing.length === 0 && found !== undefined && isOwnedAs(found, { mode: "0600", owner, group: owner });
  const text = [...lines, ...missing, ""].join("\n");
  const purpose = `${keys.length === 1 ? "one key" : `${keys.length} keys`} may log in as ${owner}`;
  return [
    ...folderStep(facts, { path: `${home}/.ssh`, mode: "0700", user: owner, byOwner: true }),
    ...(isRight ? [] : [{ kind: "write-file", path, text, mode: "0600", owner, byOwner: true, purpose, effect: "none" } as const]),
  ];
}

function socketSteps({ podmanSocket, agentUser: { name: user } }: LinuxHostV0, facts: HostFacts): readonly HostStep[] {
  const { enabled, active } = facts.podmanSocket;
  return !podmanSocket || (enabled === "enabled" && active === "active") ? [] : [{ kind: "enable-podman-socket", user }];
}

function memorySteps({ runName }: HostApplication, { memoryController }: LinuxHostV0, { controllers, commandLine }: HostFacts): Part {
  if (!memoryController || controllers.includes("memory")) return NOTHING;
  const subject = "memory controller";
  if (commandLine === null) {
    const message =
      "the kernel offers no memory controller, so a container's memory limit is reported and not held: " +
      "it takes a kernel with CONFIG_MEMCG and cgroup version 2";
    return { steps: [], blocked: [{ subject, reason: "NoMemoryController", message }] };
  }
  const words = new Set(commandLine.split(/\s+/));
  const parameters = MEMORY_PARAMETERS.filter((parameter) => !words.has(parameter));
  if (parameters.length > 0) {
    const files = { path: COMMAND_LINE, backup: `${COMMAND_LINE}.before-${runName}`, restartMark: `/run/${runName}-restart` };
    return { steps: [{ kind: "extend-command-line", ...files, parameters }], blocked: [] };
  }
  const message = 'the memory controller is switched on at the next start: restart the host with "sudo reboot"';
  return { steps: [], blocked: [{ subject, reason: "RestartNeeded", message }] };
}

function addressSteps(application: HostApplication, score: LinuxHostV0, facts: HostFacts): Part {
  if (score.staticAddress === undefined) return NOTHING;
  const stop = (reason: string, message: string): Part => ({ steps: [], blocked: [{ subject: "address", reason, message }] });
  const link = chosenInterface(facts, score);
  const names = facts.interfaces
    .map(({ ifname }) => ifname)
    .filter((name) => name !== "lo")
    .join(", ");
  if (link === null) return stop("NoInterface", `no interface has a default route: name one of ${names} as staticAddress.interface`);
  if (!facts.interfaces.some(({ ifname }) => ifname === link))
    return stop("NoInterface", `the host has no interface ${link}; it has ${names}`);
  if (link.startsWith("wl"))
    return stop("Wireless", `${link} is wireless: a static address is set for a cable only; give it one in the access point`);
  const manager = managementOf(facts, link);
  if (manager === null) {
    return stop(
      "NetworkUnmanaged",
      `neither netplan nor NetworkManager nor systemd-networkd looks after ${link}: enable one of them on the host`,
    );
  }
  const change = addressChange(application, { manager, link, wanted: score.staticAddress, there: facts.files });
  return hasAddress(facts, change) ? NOTHING : { steps: [{ kind: "set-address", change }], blocked: [] };
}
