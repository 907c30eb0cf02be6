// The shell script of a step, to be run as root: over SSH by execute.ts, or at a device's first boot by cloud-init. Each does the
// same when it is run twice, and ends with an exit code that is not 0 where it could not do it.

import { readFileSync } from "node:fs";
import { quote, quoteAll } from "../model/shell-quote.ts";
import type { FileEffect } from "../model/managed-files.ts";
import type { HostStep } from "../model/step.ts";

/** A static address takes more than a script: set-address.ts. */
export type ScriptedStep = Exclude<HostStep, { kind: "set-address" }>;

/** There when a step counts only after a restart; gone with it. */
export const RESTART_WANTED = "/run/iot-provision-restart";

/** apt waits for another one at work, such as the unattended upgrades of a first boot. */
const APT = "apt-get -q -o DPkg::Lock::Timeout=300";

/** The same that the agent's package runs when it is configured. */
const TAKE_OVER = readFileSync(new URL("../../take-over.sh", import.meta.url), "utf8");

export function scriptOf(step: ScriptedStep): string {
  switch (step.kind) {
    case "set-hostname":
      // Debian's hosts file has the host's own name at 127.0.1.1; without it sudo waits for a name server.
      return lines(
        `printf '%s\\n' ${quote(step.hostname)} >/etc/hostname`,
        `hostname ${quote(step.hostname)} 2>/dev/null || printf '%s' ${quote(step.hostname)} >/proc/sys/kernel/hostname`,
        "sed -i '/^127\\.0\\.1\\.1[[:space:]]/d' /etc/hosts",
        `printf '127.0.1.1\\t%s\\n' ${quote(step.hostname)} >>/etc/hosts`,
      );
    case "install-packages":
      return lines(
        "export DEBIAN_FRONTEND=noninteractive",
        // What a power cut has interrupted is brought to its end. Where another dpkg is at work this fails, and apt waits.
        "dpkg --force-confold --configure -a || true",
        `${APT} update`,
        `${APT} -y --fix-broken -o Dpkg::Options::=--force-confold --no-install-recommends install ${quoteAll(step.packages)}`,
      );
    case "enable-ssh":
      return "systemctl enable --now ssh.service";
    case "enable-time-sync":
      return `systemctl enable --now ${quote(step.unit)}`;
    case "create-user":
      // Subordinate ids come with an ordinary user.
      return lines(
        `getent passwd ${quote(step.user)} >/dev/null || useradd --create-home --shell /bin/bash --comment 'IoT agent' ${quote(step.user)}`,
        ...addToGroups(step),
      );
    case "add-to-groups":
      return lines(...addToGroups(step));
    case "add-subordinate-ids":
      // After the highest that is given to anybody.
      return lines(
        "next=$(cat /etc/subuid /etc/subgid 2>/dev/null | awk -F: 'BEGIN { n = 100000 } $2 + $3 > n { n = $2 + $3 } END { print n }')",
        `usermod --add-subuids "$next-$((next + 65535))" --add-subgids "$next-$((next + 65535))" ${quote(step.user)}`,
      );
    case "enable-linger":
      return `loginctl enable-linger ${quote(step.user)}`;
    case "make-folder":
      if (step.byOwner) return `runuser -u ${quote(step.owner)} -- install -d -m ${step.mode} ${quote(step.path)}`;
      return `install -d -m ${step.mode} -o ${quote(step.owner)} -g ${quote(step.group)} ${quote(step.path)}`;
    case "take-folder":
      return lines(`set -- ${quoteAll([step.path, step.user, step.mode])}`, TAKE_OVER);
    case "write-file":
      return lines(...(step.byOwner ? writeFileAsOwner(step) : writeFile(step)), ...EFFECTS[step.effect]);
    case "enable-podman-socket":
      return lines(
        `uid=$(id -u ${quote(step.user)})`,
        'systemctl start "user@$uid.service"',
        `as_user() { runuser -u ${quote(step.user)} -- env XDG_RUNTIME_DIR="/run/user/$uid" systemctl --user "$@"; }`,
        "as_user daemon-reload",
        "as_user enable --now podman.socket",
      );
    case "extend-command-line":
      // One line, and the firmware reads the first one only.
      return lines(
        `[ -f ${quote(step.path)} ] || exit 0`,
        `cp -p ${quote(step.path)} ${quote(`${step.path}.before-iot-provision`)}`,
        ...step.parameters.map(
          (parameter) => `grep -qw -- ${quote(parameter)} ${quote(step.path)} || sed -i '1s/$/ ${parameter}/' ${quote(step.path)}`,
        ),
        "sync",
        `touch ${RESTART_WANTED}`,
      );
  }
}

/** What has to be done after a file was written for it to count. */
export const EFFECTS: Readonly<Record<FileEffect, readonly string[]>> = {
  none: [],
  sysctl: ["/usr/lib/systemd/systemd-sysctl"],
  // The folder makes it persistent from now on; flushing moves what is in memory.
  journald: ["systemctl restart systemd-journald", "journalctl --flush"],
};

/** A file is there whole or not at all, also after a power cut. */
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

/** In a folder that is the owner's: by his own process, so that a link there leads no further than he may write. */
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
