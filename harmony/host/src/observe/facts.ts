// Reads a host's facts. One script prints a line for each fact, with tabs between its fields; the
// lines become a checked value. It never changes the host.

import { formatIssues } from "@harmony/core";
import { parse } from "@harmony/schema";
import type { LinuxHostV0 } from "../score/linux-host-v0-schema.ts";
import type { HostApplication } from "../model/application.ts";
import { AUTHORIZED_KEYS, COMMAND_LINE, HostFacts, PEOPLE, TIME_SERVICES } from "../model/host-facts.ts";
import { managedFiles } from "../model/managed-files.ts";
import { quote, quoteAll } from "../model/shell-quote.ts";
import { addressFiles, NETPLAN_FOLDER } from "../model/address-change.ts";

/**
 * Matches, for `find`, the entries of a root folder that take-over.sh would not leave as they are.
 */
const FOREIGN = "\\( -not -user root -o -perm /022 -o -not -type f -not -type d -o -type f -links +1 \\)";

/** Reads, as root, everything that `parseFacts` needs. */
export function observationScript(application: HostApplication, score: LinuxHostV0): string {
  const files = [...managedFiles(application, score).map(({ path }) => path), ...Object.values(addressFiles(application))];
  return `
export LC_ALL=C
fact() { n=$1; shift; printf '%s' "$n"; for f in "$@"; do printf '\\t%s' "$f"; done; printf '\\n'; }
content() { base64 -w0 <"$1"; }
foreign() { find "$1" -mindepth 1 ${FOREIGN} -print -quit | head -c 1; }
. /etc/os-release
fact system "\${ID:-}" "\${ID_LIKE:-}" "\${VERSION_ID:-}" "\${PRETTY_NAME:-}"
fact architecture "$(uname -m)"
fact hostname "$(cat /proc/sys/kernel/hostname)"
dpkg-query -W -f='package\\t\${db:Status-Status}\\t\${Package}\\t\${Version}\\n' ${quoteAll(score.packages)} 2>/dev/null
${userFacts(score)}
for d in ${quoteAll(score.directories.map(({ path }) => path))}; do
  [ -d "$d" ] && fact folder "$d" $(stat -c '%a %U %G' "$d") "$(foreign "$d")"
done
${homeFacts(quote(score.agentUser.name))}
for f in ${quoteAll(files)} ${NETPLAN_FOLDER}/*.yaml; do
  [ -f "$f" ] && fact file "$f" $(stat -c '%a %U %G' "$f") "$(content "$f")"
done
[ -e /proc/sys/net/ipv4/ip_unprivileged_port_start ] && fact port-start "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)"
for s in ${TIME_SERVICES.join(" ")}; do fact time "$s" "$(systemctl is-enabled "$s" 2>/dev/null)"; done
fact ssh "$(systemctl is-enabled ssh.service 2>/dev/null)" "$(systemctl is-enabled ssh.socket 2>/dev/null)"
fact controllers "$(cat /sys/fs/cgroup/cgroup.controllers 2>/dev/null)"
[ -f ${COMMAND_LINE} ] && fact command-line "$(content ${COMMAND_LINE})"
${NETWORK_FACTS}
true
`;
}

/** Leaves the user's entry in $entry and its home in $home. */
function userFacts({ agentUser }: LinuxHostV0): string {
  const user = quote(agentUser.name);
  return `home=/home/${user}
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
outside=""
for p in ${PEOPLE}; do id -nG "$p" 2>/dev/null | tr ' ' '\\n' | grep -qxF ${user} || outside="$outside $p"; done
fact people "$outside"`;
}

/**
 * The user's own process reads in the user's home: a link there leads no further than the user may
 * read.
 */
function homeFacts(user: string): string {
  return `as_user() { runuser -u ${user} -- timeout 20 "$@"; }
if [ -n "$entry" ] && as_user test -d "$home/.ssh"; then
  fact folder "$home/.ssh" $(as_user stat -c '%a %U %G' "$home/.ssh") ""
  f=$home/${AUTHORIZED_KEYS}
  as_user test -f "$f" && fact file "$f" $(as_user stat -c '%a %U %G' "$f") "$(as_user head -c 1048576 "$f" | base64 -w0)"
fi`;
}

const NETWORK_FACTS = `fact addresses "$(ip -json address show)"
fact routes "$(ip -json -4 route show default)"
if systemctl --quiet is-active NetworkManager && command -v nmcli >/dev/null; then
  nmcli -t -f DEVICE,STATE device | while IFS=: read -r dev state; do fact network-manager "$dev" "$state"; done
fi
if systemctl --quiet is-active systemd-networkd; then
  networkctl list --no-legend --no-pager | while read -r _ dev _ _ state; do fact networkd "$dev" "$state"; done
fi
command -v netplan >/dev/null && for f in ${NETPLAN_FOLDER}/*.yaml; do [ -e "$f" ] && fact netplan; done`;

/** @throws TypeError when the host's answer is none that the script can have printed. */
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
    peopleOutside: words(one("people")[0]),
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
