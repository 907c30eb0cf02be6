// Gives the shell script of a step, to be run as root: over SSH by execute.ts, or at a device's
// first boot by cloud-init. A script that is run twice does the same. It ends with an exit code
// that is not 0 where it could not do its step.

import { readFileSync } from "node:fs";
import { PEOPLE } from "../model/host-facts.ts";
import { quote, quoteAll } from "../model/shell-quote.ts";
import type { FileEffect } from "../model/managed-files.ts";
import type { HostStep } from "../model/step.ts";

/** A static address takes more than a script: set-address.ts. */
export type ScriptedStep = Exclude<HostStep, { kind: "set-address" }>;

/** apt waits for another one at work, such as the unattended upgrades of a first boot. */
const APT = "apt-get -q -o DPkg::Lock::Timeout=300";

/** The agent's package runs the same script when it is configured. */
const USER_NAME = /^[a-z_][a-z0-9_-]*$/;

declare const BUILT_TAKE_OVER: string | undefined;

/** A bundle has it inside. */
const TAKE_OVER: string =
  typeof BUILT_TAKE_OVER === "string" ? BUILT_TAKE_OVER : readFileSync(new URL("../../take-over.sh", import.meta.url), "utf8");

export function scriptOf(step: ScriptedStep): string {
  switch (step.kind) {
    case "set-hostname":
      return setHostname(quote(step.hostname));
    case "install-packages":
      return installPackages(step.packages);
    case "enable-ssh":
      return "systemctl enable --now ssh.service";
    case "enable-time-sync":
      return `systemctl enable --now ${quote(step.unit)}`;
    case "create-user":
      // Subordinate ids come with an ordinary user.
      return lines(
        `getent passwd ${quote(step.user)} >/dev/null || useradd --create-home --shell /bin/bash --comment ${quote(step.fullName)} ${quote(step.user)}`,
        ...addToGroups(step),
      );
    case "add-to-groups":
      return lines(...addToGroups(step));
    case "add-subordinate-ids":
      return addSubordinateIds(quote(step.user));
    case "enable-linger":
      return `loginctl enable-linger ${quote(step.user)}`;
    case "admit-people":
      // Whoever was named may have another way to become root than the group sudo.
      return `for p in ${[...step.people.filter((name) => USER_NAME.test(name)), PEOPLE].join(" ")}; do usermod --append --groups ${quote(step.group)} "$p"; done`;
    case "make-folder":
      if (step.byOwner) return `runuser -u ${quote(step.owner)} -- install -d -m ${step.mode} ${quote(step.path)}`;
      return `install -d -m ${step.mode} -o ${quote(step.owner)} -g ${quote(step.group)} ${quote(step.path)}`;
    case "take-folder":
      return lines(`set -- ${quoteAll([step.path, step.user, step.mode])}`, TAKE_OVER);
    case "write-file":
      return lines(...(step.byOwner ? writeFileAsOwner(step) : writeFile(step)), ...EFFECTS[step.effect]);
    case "enable-podman-socket":
      return enablePodmanSocket(quote(step.user));
    case "extend-command-line":
      return extendCommandLine(step);
  }
}

function setHostname(name: string): string {
  // Debian's hosts file has the host's own name at 127.0.1.1. Without it sudo waits for a name
  // server.
  return lines(
    `printf '%s\\n' ${name} >/etc/hostname`,
    `hostname ${name} 2>/dev/null || printf '%s' ${name} >/proc/sys/kernel/hostname`,
    "sed -i '/^127\\.0\\.1\\.1[[:space:]]/d' /etc/hosts",
    `printf '127.0.1.1\\t%s\\n' ${name} >>/etc/hosts`,
  );
}

function installPackages(packages: readonly string[]): string {
  return lines(
    "export DEBIAN_FRONTEND=noninteractive",
    // dpkg ends what a power cut has interrupted. It fails where another dpkg is at work, and then
    // apt waits.
    "dpkg --force-confold --configure -a || true",
    `${APT} update`,
    `${APT} -y --fix-broken -o Dpkg::Options::=--force-confold --no-install-recommends install ${quoteAll(packages)}`,
  );
}

function addSubordinateIds(user: string): string {
  // The range begins after the highest that is given to anybody.
  return lines(
    "next=$(cat /etc/subuid /etc/subgid 2>/dev/null | awk -F: 'BEGIN { n = 100000 } $2 + $3 > n { n = $2 + $3 } END { print n }')",
    `usermod --add-subuids "$next-$((next + 65535))" --add-subgids "$next-$((next + 65535))" ${user}`,
  );
}

function enablePodmanSocket(user: string): string {
  return lines(
    `uid=$(id -u ${user})`,
    'systemctl start "user@$uid.service"',
    `as_user() { runuser -u ${user} -- env XDG_RUNTIME_DIR="/run/user/$uid" systemctl --user "$@"; }`,
    "as_user daemon-reload",
    "as_user enable --now podman.socket",
  );
}

function extendCommandLine(step: Extract<HostStep, { kind: "extend-command-line" }>): string {
  const path = quote(step.path);
  // The file has one line, and the firmware reads only the first.
  return lines(
    `[ -f ${path} ] || exit 0`,
    `cp -p ${path} ${quote(step.backup)}`,
    ...step.parameters.map((parameter) => `grep -qw -- ${quote(parameter)} ${path} || sed -i '1s/$/ ${parameter}/' ${path}`),
    "sync",
    `touch ${quote(step.restartMark)}`,
  );
}

/** The commands that make a written file count. */
export const EFFECTS: Readonly<Record<FileEffect, readonly string[]>> = {
  none: [],
  sysctl: ["/usr/lib/systemd/systemd-sysctl"],
  // The folder makes the journal persistent from now on; flushing moves the lines in memory.
  journald: ["systemctl restart systemd-journald", "journalctl --flush"],
};

/** Writes a file whole or not at all, even over a power cut. */
export function writeFile(file: { path: string; text: string; mode: string; owner: string }): readonly string[] {
  const { path, text, mode, owner } = file;
  const fresh = quote(`${path}.new`);
  return [
    `mkdir -p ${quote(path.slice(0, path.lastIndexOf("/")))}`,
    `(umask 077; printf '%s' ${quote(text)} >${fresh})`,
    `chown ${quote(owner)}:${quote(owner)} ${fresh}`,
    `chmod ${mode} ${fresh}`,
    `sync ${fresh}`,
    `mv ${fresh} ${quote(path)}`,
  ];
}

/**
 * The owner's own process writes in a folder of the owner's, so that a link there leads no further
 * than the owner may write.
 */
function writeFileAsOwner({ path, text, mode, owner }: Parameters<typeof writeFile>[0]): readonly string[] {
  const write = `umask 077; cat >"$1.new"; chmod ${mode} "$1.new"; sync "$1.new"; mv -T "$1.new" "$1"`;
  return [`printf '%s' ${quote(text)} | runuser -u ${quote(owner)} -- sh -ec ${quote(write)} sh ${quote(path)}`];
}

function addToGroups({ user, groups }: { readonly user: string; readonly groups: readonly string[] }): readonly string[] {
  if (groups.length === 0) return [];
  return [`for g in ${quoteAll(groups)}; do if getent group "$g" >/dev/null; then usermod --append --groups "$g" ${quote(user)}; fi; done`];
}

function lines(...each: readonly string[]): string {
  return each.join("\n");
}
