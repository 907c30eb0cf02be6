// What is on a host, as far as a Score is concerned: the Snapshot of LinuxHostV0. One script reads it all and prints a line for
// each fact, its fields parted by tabs; here the lines become a value that was checked. Nothing in here changes the host.

import { formatIssues } from "@harmony/core";
import { parse } from "@harmony/schema";
import * as z from "zod/mini";
import type { LinuxHostV0 } from "../score/linux-host-v0-schema.ts";
import { managedFiles } from "../model/managed-files.ts";
import { quote, quoteAll } from "../model/shell-quote.ts";
import { ADDRESS_FILES, NETPLAN_FOLDER } from "../model/static-address.ts";

const Owned = { mode: z.string(), owner: z.string(), group: z.string() };
const Addresses = z.array(z.object({ local: z.string(), prefixlen: z.int() }));

export const HostFacts = z.object({
  system: z.object({ id: z.string(), like: z.string(), version: z.string(), name: z.string() }),
  architecture: z.string(),
  hostname: z.string(),
  /** Of those that the Score wants and some more, the ones that are installed. */
  packages: z.array(z.object({ name: z.string(), version: z.string() })),
  user: z.nullable(z.object({ uid: z.int(), home: z.string(), groups: z.array(z.string()) })),
  /** Of the Score's groups, those that the host has. */
  groups: z.array(z.string()),
  subordinateUids: z.int(),
  subordinateGids: z.int(),
  lingers: z.boolean(),
  /** In systemctl's words: `enabled`, `disabled`, `not-found`; `active`, `inactive`. */
  podmanSocket: z.object({ enabled: z.string(), active: z.string() }),
  /** `holdsForeign`: there is a link in it, or what is not root's or may be written by others. */
  folders: z.array(z.object({ path: z.string(), ...Owned, holdsForeign: z.boolean() })),
  files: z.array(z.object({ path: z.string(), ...Owned, text: z.string() })),
  /** What the running kernel has; null: it has no such setting. */
  unprivilegedPortStart: z.nullable(z.int()),
  /** In systemctl's words, of sshd's service and of its socket, which Ubuntu has instead. */
  ssh: z.array(z.string()),
  timeSync: z.array(z.object({ unit: z.string(), enabled: z.string() })),
  controllers: z.array(z.string()),
  /** The file that Raspberry Pi's firmware gives the kernel; null: there is none. */
  commandLine: z.nullable(z.string()),
  interfaces: z.array(z.object({ ifname: z.string(), addr_info: Addresses })),
  defaultRoute: z.nullable(z.object({ gateway: z.string(), dev: z.string() })),
  /** Who looks after which interface, in the words of each; interfaces that one does not know are left out. */
  networkManager: z.array(z.object({ interface: z.string(), state: z.string() })),
  networkd: z.array(z.object({ interface: z.string(), state: z.string() })),
  hasNetplan: z.boolean(),
});
export type HostFacts = z.output<typeof HostFacts>;

/** The services that keep the time, as Debian names their units. */
export const TIME_SERVICES = ["systemd-timesyncd", "chrony", "ntpsec", "openntpd"] as const;
export const COMMAND_LINE = "/boot/firmware/cmdline.txt";
export const AUTHORIZED_KEYS = ".ssh/authorized_keys";

/** In a folder of root's, as `find` says it: what take-over.sh would not leave as it is. */
const FOREIGN = "\\( -not -user root -o -perm /022 -o -not -type f -not -type d -o -type f -links +1 \\)";

/** Reads, as root, all that `parseFacts` wants to know. */
export function observationScript(score: LinuxHostV0): string {
  const { agentUser, packages, directories } = score;
  const user = quote(agentUser.name);
  return `
export LC_ALL=C
fact() { n=$1; shift; printf '%s' "$n"; for f in "$@"; do printf '\\t%s' "$f"; done; printf '\\n'; }
content() { base64 -w0 <"$1"; }
foreign() { find "$1" -mindepth 1 ${FOREIGN} -print -quit | head -c 1; }
. /etc/os-release
fact system "\${ID:-}" "\${ID_LIKE:-}" "\${VERSION_ID:-}" "\${PRETTY_NAME:-}"
fact architecture "$(uname -m)"
fact hostname "$(cat /proc/sys/kernel/hostname)"
dpkg-query -W -f='package\\t\${db:Status-Status}\\t\${Package}\\t\${Version}\\n' ${quoteAll(packages)} 2>/dev/null
home=/home/${user}
if entry=$(getent passwd ${user}); then
  uid=$(echo "$entry" | cut -d: -f3); home=$(echo "$entry" | cut -d: -f6)
  fact user "$uid" "$home" "$(id -nG ${user})"
  if [ -d "/run/user/$uid" ]; then
    ask() { runuser -u ${user} -- env XDG_RUNTIME_DIR="/run/user/$uid" systemctl --user "$1" podman.socket 2>/dev/null; }
    fact socket "$(ask is-enabled)" "$(ask is-active)"
  fi
fi
for g in ${quoteAll(agentUser.groups)}; do getent group "$g" >/dev/null && fact group "$g"; done
for kind in uid gid; do
  fact "sub$kind" "$(awk -F: -v u=${user} '$1 == u { n += $3 } END { print n + 0 }' "/etc/sub$kind" 2>/dev/null)"
done
[ -e /var/lib/systemd/linger/${user} ] && fact lingers
for d in ${quoteAll(directories.map(({ path }) => path))}; do
  [ -d "$d" ] && fact folder "$d" $(stat -c '%a %U %G' "$d") "$(foreign "$d")"
done
# What lies in the user's home is read as that user: a link in it leads no further than he may.
as_user() { runuser -u ${user} -- timeout 20 "$@"; }
if [ -n "$entry" ] && as_user test -d "$home/.ssh"; then
  fact folder "$home/.ssh" $(as_user stat -c '%a %U %G' "$home/.ssh") ""
  f=$home/${AUTHORIZED_KEYS}
  as_user test -f "$f" && fact file "$f" $(as_user stat -c '%a %U %G' "$f") "$(as_user head -c 1048576 "$f" | base64 -w0)"
fi
for f in ${quoteAll([...managedFiles(score).map(({ path }) => path), ...Object.values(ADDRESS_FILES)])} ${NETPLAN_FOLDER}/*.yaml; do
  [ -f "$f" ] && fact file "$f" $(stat -c '%a %U %G' "$f") "$(content "$f")"
done
[ -e /proc/sys/net/ipv4/ip_unprivileged_port_start ] && fact port-start "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)"
for s in ${TIME_SERVICES.join(" ")}; do fact time "$s" "$(systemctl is-enabled "$s" 2>/dev/null)"; done
fact ssh "$(systemctl is-enabled ssh.service 2>/dev/null)" "$(systemctl is-enabled ssh.socket 2>/dev/null)"
fact controllers "$(cat /sys/fs/cgroup/cgroup.controllers 2>/dev/null)"
[ -f ${COMMAND_LINE} ] && fact command-line "$(content ${COMMAND_LINE})"
fact addresses "$(ip -json address show)"
fact routes "$(ip -json -4 route show default)"
if systemctl --quiet is-active NetworkManager && command -v nmcli >/dev/null; then
  nmcli -t -f DEVICE,STATE device | while IFS=: read -r dev state; do fact network-manager "$dev" "$state"; done
fi
if systemctl --quiet is-active systemd-networkd; then
  networkctl list --no-legend --no-pager | while read -r _ dev _ _ state; do fact networkd "$dev" "$state"; done
fi
command -v netplan >/dev/null && for f in ${NETPLAN_FOLDER}/*.yaml; do [ -e "$f" ] && fact netplan; done
true
`;
}

/** @throws TypeError when the host has answered something that the script cannot have printed. */
export function parseFacts(output: string): HostFacts {
  const lines = output
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split("\t"));
  const all = (name: string): string[][] => lines.filter(([first]) => first === name).map(([, ...fields]) => fields);
  const one = (name: string): string[] => all(name)[0] ?? [];
  const words = (text: string | undefined): string[] => (text ?? "").split(" ").filter(Boolean);
  const text = (base64: string | undefined): string => Buffer.from(base64 ?? "", "base64").toString("utf8");
  const owned = ([path, mode, owner, group]: string[]) => ({ path, mode: mode?.padStart(4, "0"), owner, group });
  const [id, like, version, name] = one("system");
  const [uid, home, groups] = one("user");
  const [enabled, active] = one("socket");
  const [portStart] = one("port-start");
  const [commandLine] = one("command-line");
  const parsed = parse(HostFacts, {
    system: { id, like, version, name },
    architecture: one("architecture")[0],
    hostname: one("hostname")[0],
    packages: all("package").flatMap(([status, name, version]) => (status === "installed" ? [{ name, version }] : [])),
    user: uid === undefined ? null : { uid: Number(uid), home, groups: words(groups) },
    groups: all("group").map(([group]) => group),
    subordinateUids: Number(one("subuid")[0]),
    subordinateGids: Number(one("subgid")[0]),
    lingers: all("lingers").length > 0,
    podmanSocket: { enabled: enabled ?? "not-found", active: active ?? "inactive" },
    folders: all("folder").map((fields) => ({ ...owned(fields), holdsForeign: (fields[4] ?? "") !== "" })),
    files: all("file").map((fields) => ({ ...owned(fields), text: text(fields[4]) })),
    unprivilegedPortStart: portStart === undefined ? null : Number(portStart),
    ssh: one("ssh"),
    timeSync: all("time").map(([unit, enabled]) => ({ unit, enabled: enabled === "" ? "not-found" : enabled })),
    controllers: words(one("controllers")[0]),
    commandLine: commandLine === undefined ? null : text(commandLine),
    interfaces: json(one("addresses")[0]),
    defaultRoute: json(one("routes")[0]).find((route) => typeof route === "object" && route !== null && "gateway" in route) ?? null,
    networkManager: all("network-manager").map(([device, state]) => ({ interface: device, state })),
    networkd: all("networkd").map(([device, state]) => ({ interface: device, state })),
    hasNetplan: all("netplan").length > 0,
  });
  if (!parsed.ok) throw new TypeError(`failed to read the host's facts: ${formatIssues(parsed.issues)}`);
  return parsed.value;
}

function json(text: string | undefined): readonly unknown[] {
  const value: unknown = text === undefined || text === "" ? [] : JSON.parse(text);
  return Array.isArray(value) ? value : [];
}
