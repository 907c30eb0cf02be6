#!/usr/bin/env bash
# Installs the agent on a device over SSH and waits until it is connected to NATS; if it is not, says what is wrong: the network, the
# name, the server, or the credentials. Run again it installs again, and changes of the configuration only what it was told. The password
# is written to a file on the device through the connection: it stands on no command line, here or there, and in no log. The device has
# Podman already (docs/iot/pi-provisioning-manual.md), or gets it with --deb.

set -euo pipefail

usage() {
  cat <<'HELP'
Usage: install.sh --host HOST --bootstrap FILE [OPTION...]
       install.sh --host HOST --device-id ID --nats-url URL --nats-user USER [OPTION...]

  --host HOST          the device: an address, or a name that ssh knows
  --bootstrap FILE     what `iot bootstrap create` made: the device makes a key, asks for an identity, and waits for approval

  Without an enrolment service, by a user of NATS that others may share:
  --device-id ID       its name in the fleet: small letters, digits and dashes
  --nats-url URL       such as nats://central:4222
  --nats-user USER

  The password for NATS is asked for, unless it is $NATS_PASS, or
  --nats-pass-file FILE  is the first line of FILE
  --nats-pass -          is the first line of the standard input
  --nats-pass PASS       is PASS, which others on this machine may have seen in its list of processes: rather one of the above

  --deb                as a Debian package, which brings what it needs (Podman and more); without: below /usr/local
  --file FILE          this package or archive of `npm run package`, instead of building one
  --ssh-user USER      who may use sudo there
  --identity FILE      his private key
  --port PORT
  --known-hosts FILE   instead of ~/.ssh/known_hosts
HELP
}

die() { echo "install.sh: $*" >&2; exit 1; }
bad() { echo "install.sh: $*; --help tells more" >&2; exit 2; }
say() { echo "install.sh: $*"; }

host='' bootstrap='' device_id='' nats_url='' nats_user='' nats_pass=${NATS_PASS-} nats_pass_file='' deb=false file=''
# Not for the programs that are started below.
unset NATS_PASS
given=("$@")
destination_options=()
while (($# > 0)); do
  case $1 in
    --deb) deb=true; shift; continue ;;
    --help | -h) usage; exit 0 ;;
  esac
  (($# > 1)) || bad "$1: expected a value"
  case $1 in
    --host) host=$2 ;;
    --bootstrap) bootstrap=$2 ;;
    --device-id) device_id=$2 ;;
    --nats-url) nats_url=$2 ;;
    --nats-user) nats_user=$2 ;;
    --nats-pass)
      nats_pass=$2
      if [[ $2 != - ]]; then
        # Begun anew without it: nobody reads it in the list of processes from here on.
        echo "install.sh: a password on the command line is seen by others on this machine: leave --nats-pass out to be asked for it" >&2
        at=$((${#given[@]} - $#))
        NATS_PASS=$2 exec "$BASH" "${BASH_SOURCE[0]}" "${given[@]:0:at}" "${given[@]:at+2}"
      fi
      ;;
    --nats-pass-file) nats_pass_file=$2 ;;
    --file) file=$2 ;;
    --ssh-user) destination_options+=(-o "User=$2") ;;
    --identity) destination_options+=(-o "IdentityFile=$2" -o IdentitiesOnly=yes) ;;
    --port) destination_options+=(-o "Port=$2") ;;
    --known-hosts) destination_options+=(-o "UserKnownHostsFile=$2") ;;
    *) bad "$1: there is no such option" ;;
  esac
  shift 2
done
if [[ -n $nats_pass_file ]]; then
  [[ -r $nats_pass_file ]] || bad "--nats-pass-file $nats_pass_file: there is no such file, or you may not read it"
  IFS= read -r nats_pass <"$nats_pass_file" || [[ -n $nats_pass ]] || bad "--nats-pass-file $nats_pass_file: there is nothing in it"
elif [[ ($nats_pass == - || -z $nats_pass) && -t 0 ]]; then
  IFS= read -rsp "Password of the NATS user $nats_user: " nats_pass && echo >&2
elif [[ $nats_pass == - ]]; then
  IFS= read -r nats_pass || [[ -n $nats_pass ]] || bad "--nats-pass -: there is nothing on the standard input"
fi
wanted=(host device_id nats_url nats_user nats_pass)
if [[ -n $bootstrap ]]; then
  wanted=(host)
  [[ -z $device_id$nats_url$nats_user$nats_pass ]] || bad "--bootstrap brings the identity and the way to NATS: leave --device-id and --nats-… out"
  grep -q '^\[enrolment\]' "$bootstrap" 2>/dev/null || bad "--bootstrap $bootstrap: expected a file of \`iot bootstrap create\`, which has a section [enrolment]"
else
  echo "install.sh: a user of NATS is not an identity: with an enrolment service, use --bootstrap (docs/security.md)" >&2
fi
for option in "${wanted[@]}"; do
  [[ -n ${!option} ]] || bad "--${option//_/-} is missing"
  [[ ${!option} != *[[:cntrl:]]* ]] || bad "--${option//_/-}: has a line break or another control character in it"
done
[[ $host != -* ]] || bad "--host $host: expected an address or a name"
[[ -n $bootstrap || $device_id =~ ^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$ ]] || bad "--device-id $device_id: expected small letters, digits and dashes, at most 63"
[[ -n $bootstrap || $nats_url =~ ^((nats|tls)://)?([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?$ ]] ||
  bad "--nats-url $nats_url: expected an address of NATS such as nats://central:4222, without user and password"
[[ -z $file || -r $file ]] || bad "--file $file: there is no such file"

quoted() { local text=${1//\\/\\\\}; printf '"%s"' "${text//\"/\\\"}"; }

work=$(mktemp -d)
ssh_options=(-o ConnectTimeout=10 -o ControlMaster=auto -o "ControlPath=$work/ssh" -o ControlPersist=60 "${destination_options[@]}")
folder=''
# shellcheck disable=SC2317,SC2329 # called by the trap
clean_up() {
  [[ -z $folder ]] || ssh "${ssh_options[@]}" "$host" rm -rf "$folder" || true
  ssh "${ssh_options[@]}" -O exit "$host" 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
# shellcheck disable=SC2029 # the arguments are ours
on_device() { ssh "${ssh_options[@]}" "$host" "$@"; }

machine=$(on_device uname -m </dev/null) || die "cannot log in to $host by ssh: see above, and try: ssh $host"
case $machine in
  x86_64) node=x64 debian=amd64 ;;
  aarch64) node=arm64 debian=arm64 ;;
  *) die "$host is a $machine: the agent runs on x86_64 and aarch64" ;;
esac
if [[ -z $file ]]; then
  say "building the agent for $machine"
  # shellcheck source=build/bootstrap.sh
  . "$(dirname "${BASH_SOURCE[0]}")/../../../build/bootstrap.sh"
  install_npm_packages >"$work/build.log" && check_node
  node "$REPOSITORY/build/package/main.ts" --only iot-agent --arch "$debian" --fast --out "$work/dist" >>"$work/build.log" </dev/null || die "failed to build the agent"
  if $deb; then file=$(echo "$work"/dist/iot-agent_*.deb); else file=$work/dist/iot-agent-linux-$node.tar.gz; fi
  say() { echo "install.sh: $*"; }
fi
case $file in
  *.deb) deb=true ;;
  *) ! $deb || bad "--file $file: with --deb a .deb is expected" ;;
esac

say "copying to $host"
folder=$(on_device mktemp -d /tmp/iot-agent-install.XXXXXX </dev/null)
scp -q "${ssh_options[@]}" "$file" "$host:$folder/agent"
cat >"$work/install" <<'INSTALL'
#!/bin/sh
# Run by root on the device, from the folder that the files were copied to; the argument says how: deb or local. Ends with 0 when the agent
# is connected, with 3 when it is not after 15 s: what it said last is in the file "said" then; with 4 when it waits for approval.
set -eu
umask 022
# That folder is the login user's: what is read or written there is so by a process of that user, and root works in one of its own.
copied=$(cd "$(dirname "$0")" && pwd)
as_login() { (cd / && runuser -u "${SUDO_USER:-root}" -- "$@"); }
work=$(mktemp -d /var/tmp/iot-agent-install.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"
for file in agent config.toml merge.awk take-over.sh; do as_login cat "$copied/$file" >"$file"; done
die() { echo "on the device: $*" >&2; exit 1; }
is_package() { [ "$(dpkg-query --show --showformat='${db:Status-Abbrev}' iot-agent 2>/dev/null | cut -c1-2)" = ii ]; }

if [ "$1" = local ]; then
  is_package && die "the agent is installed here as a Debian package: use --deb (or first: sudo apt-get remove iot-agent)"
  command -v podman >/dev/null || die "Podman is not installed: prepare the device first (docs/iot/pi-provisioning-manual.md), or use --deb"
fi

# The configuration comes before the agent, which starts as soon as it is installed. Before there is such a group it is root's alone, and
# the installation gives it to the right one.
config=/etc/iot-agent/config.toml
sh take-over.sh /etc/iot-agent iot-agent
if [ -e "$config" ] && grep -q '^\[enrolment\]' config.toml && ! cmp -s config.toml "$config"; then
  die "there is a configuration already; this device gets its identity by: iot device add NAME, then here: sudo iot-agent enrol URL CODE"
elif [ -e "$config" ]; then
  # Ours are the keys that stand in config.toml; what a person has written besides stays.
  if grep '=' config.toml | grep -qvxFf "$config"; then awk -f merge.awk config.toml "$config" >merged; else cp "$config" merged; fi
else
  cp config.toml merged
fi
if ! cmp -s merged "$config"; then
  if [ -e "$config" ]; then
    cp -pT --backup=numbered "$config" "$config.old"
    echo "the former configuration is kept as $config.old"
  fi
  fresh=$(mktemp "$config.XXXXXX")
  cat merged >"$fresh"
  if getent group iot-agent >/dev/null; then chgrp iot-agent "$fresh"; chmod 0640 "$fresh"; fi
  sync "$fresh"
  mv -T "$fresh" "$config"
fi
rm config.toml merged

since=$(date +%s)
if [ "$1" = deb ]; then
  # What a former installation without dpkg has left would come before the package's.
  if [ -e /usr/local/lib/iot-agent/files ]; then
    (cd / && xargs -d '\n' rm -f) </usr/local/lib/iot-agent/files
    rm -rf /usr/local/lib/iot-agent
    systemctl daemon-reload
  fi
  mv agent iot-agent.deb
  export DEBIAN_FRONTEND=noninteractive
  apt() { apt-get -qq -o DPkg::Lock::Timeout=300 "$@"; }
  # An installation that a power cut has ended. Where another one is at work, apt waits for it below.
  dpkg --configure -a || true
  apt update || echo "the lists of packages are not up to date: apt-get update has failed"
  apt --yes --fix-broken --allow-downgrades --no-install-recommends --reinstall install ./iot-agent.deb
  # `man iot-agent` and the completion; where no mirror has them, the device does without.
  if ! command -v man >/dev/null || ! [ -e /usr/share/bash-completion/bash_completion ]; then
    apt --yes --no-install-recommends install man-db bash-completion >/dev/null 2>&1 || true
  fi
else
  tar --extract --gzip --no-same-owner --no-overwrite-dir --directory=/ --file=agent
  tar --list --gzip --file=agent >/usr/local/lib/iot-agent/files
  /usr/local/lib/iot-agent/setup configure
fi
# Whoever installs it asks it next: iot-agent status, from the next login on.
if [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ]; then usermod --append --groups iot-agent "$SUDO_USER"; fi
# Also one that was switched off: who installs it wants it to run.
systemctl --quiet enable iot-agent
systemctl --no-block start iot-agent
# What is said to be installed outlasts a power cut.
sync

echo "install.sh: waiting for \"connected to NATS\""
# Of the agent that runs now: the former one may have been connected.
says() {
  journalctl "_SYSTEMD_INVOCATION_ID=$(systemctl show --property=InvocationID --value iot-agent)" --output=cat --no-pager | grep "^$1" | tail -n 1
}
for _ in $(seq 30); do
  [ -z "$(says 'connected to NATS')" ] || exit 0
  waits=$(says 'waiting for approval')
  [ -z "$waits" ] || { echo "$waits" | as_login dd status=none of="$copied/said"; exit 4; }
  sleep 0.5
done
journalctl --unit=iot-agent --since="@$since" --output=cat --no-pager | grep -E 'reason=|config\.toml|error|Failed|failed' | tail -n 1 | as_login dd status=none of="$copied/said"
exit 3
INSTALL
cat >"$work/merge.awk" <<'MERGE'
# Puts the keys of the first file into the second, below the heading of their section, and keeps all else that stands in the second.
FNR == 1 { section = "" }
{ is_heading = /^[ \t]*\[.*\][ \t\r]*(#.*)?$/ && !skips }
is_heading { section = $0; sub(/#.*/, "", section); gsub(/[ \t\r]/, "", section) }
{ key = $0; sub(/[ \t]*=.*/, "", key); sub(/^[ \t]*/, "", key) }
NR == FNR { if (/=/) { ours[section key]; lines[section] = lines[section] "\n" $0 } next }
is_heading && section in lines { print $0 lines[section]; delete lines[section]; next }
# A list may have several lines.
skips { skips = !/\]/; next }
/=/ && (section key) in ours { skips = /=[ \t]*\[[^]]*$/; next }
{ print }
END { for (section in lines) print "\n" section lines[section] }
MERGE
if [[ -z $bootstrap && $nats_user != "$device_id" ]]; then
  say "the NATS user \"$nats_user\" is not named as the device is: if other devices have it too, each has the rights of all of them (docs/migration.md)"
fi
if [[ -n $bootstrap ]]; then cat "$bootstrap"; else
  echo "# Written by install.sh. More can be set: see /usr/share/doc/iot-agent/examples/config.toml or below /usr/local."
  printf '\n[agent]\ndevice_id = %s\n\n[credentials]\ntype = "nats-user"\nnats_user = %s\nnats_pass = %s\n\n[nats]\nurls = [%s]\n' \
    "$(quoted "$device_id")" "$(quoted "$nats_user")" "$(quoted "$nats_pass")" "$(quoted "$nats_url")"
fi | on_device "umask 077 && cat >$folder/config.toml"
here=$(dirname "${BASH_SOURCE[0]}")
scp -q "${ssh_options[@]}" "$work/install" "$work/merge.awk" "$here/../../../harmony/host/take-over.sh" "$host:$folder/"

# Once, and not for an answer that is read here: a sudo that asks for a password asks in the person's terminal.
as_root() {
  if on_device sudo -n true </dev/null 2>/dev/null; then on_device sudo -n sh "$@" </dev/null
  else ssh -t "${ssh_options[@]}" "$host" sudo sh "$@"; fi
}
say "installing"
exit_code=0
as_root "$folder/install" "$(if $deb; then echo deb; else echo local; fi)" || exit_code=$?
case $exit_code in
  0) say "the agent${device_id:+ of \"$device_id\"} on $host is connected to NATS"; exit 0 ;;
  3) said=$(on_device cat "$folder/said" </dev/null) ;;
  4) say "$host is $(on_device cat "$folder/said" </dev/null): iot device approve CODE --id NAME"; exit 0 ;;
  *) die "failed to install the agent on $host: see above" ;;
esac
case $said in
  *reason=WrongCredentials*) what="the credentials: NATS is there and does not take this user and password" ;;
  *reason=CredentialsUnavailable*) what="the credentials: the device cannot read or make what it shows to NATS" ;;
  *reason=NameNotFound* | *reason=NameServerDown*) what="the name of the NATS server: it cannot be looked up on the device" ;;
  *reason=NetworkDown* | *reason=NoAnswer*) what="the network: the device cannot reach the NATS server" ;;
  *reason=Refused* | *reason=ClosedByPeer*) what="the NATS server: that machine is there, but not NATS at this port" ;;
  *reason=Tls* | *reason=ClockBehind*) what="TLS: the certificate of the NATS server, or the device's clock" ;;
  *config.toml*) what="the configuration" ;;
  *"Failed to start"* | *"Failed with result"*) what="the agent itself: it does not start; journalctl -u iot-agent on the device tells more" ;;
  *) what="not known" ;;
esac
echo "install.sh: the agent is installed, but not connected to NATS within 15 s. What is wrong: $what." >&2
[[ -z $said ]] || echo "install.sh: it says: $said" >&2
echo "install.sh: it keeps trying; on the device: systemctl status iot-agent" >&2
exit 3
