#!/usr/bin/env bash
# The main job, from git push to a container on a device and back, with every part real. See --help.
set -euo pipefail
# shellcheck source=build/bootstrap.sh
source "$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/bootstrap.sh"

show_help() {
  cat <<'HELP'
Usage: demo.sh [--keep] [--device own|simulated]
       demo.sh --devices 2
       demo.sh --kubernetes --host <device>

The first form needs nothing but this machine. It starts NATS, an operator that
reads a git repository, and an agent on one device; pushes a workload, changes
it, breaks it, puts it right and takes it away.
  --keep       leave all of it running at the end, for you to push to
  --device     your own rootless Podman, or a simulated device (needs root);
               unless told, your own where it works

With --devices 2 (needs root) two simulated devices follow one push. One of them
loses its cable and follows later; both are asked from the chair.

The last form uses a cluster and a device where operator and agent run
already: the current kubeconfig, and the device at that address. It applies
iot/scripts/demo-deployment.yaml, fetches the page from the device, deletes.
  DEMO_SSH       how to get into the device; unless told, ssh iot-agent@<device>
                 (DEMO_SSH="ssh -i key iot-agent@10.0.0.7")
  DEMO_MANIFEST  another Deployment to apply, with another image or device
  NATS_URL       where set, NATS too is looked at, and iot explain heard on FAIL

The last line is PASS or FAIL, the exit code 0 or 1 (2: wrong arguments). It
says what it would install before it does, and leaves nothing running.
HELP
}

# What is not there yet, before any of it is installed: what, how large, where. The first argument tells the form.
list_installs() {
  local cache="${HARMONY_IOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/harmony-iot}"
  local line='  %-18s %4s MB  %s\n'
  local of="Node 24, tools, libraries" size=460
  [[ ! -d "$REPOSITORY/node_modules" ]] || of="those of them that have changed" size="<$size"
  # shellcheck disable=SC2059
  has_npm_packages || printf "$line" "npm packages" "$size" "in $REPOSITORY/node_modules ($of)"
  [[ "$1" == git ]] || return 0
  local package megabytes what
  missing_host_packages "${host_packages[@]}" | while read -r package megabytes what; do
    # shellcheck disable=SC2059
    printf "$line" "$package" "$megabytes" "Debian package, $what"
  done
  # shellcheck disable=SC2059
  has_nats_server || compgen -G "$cache/nats-server-*" >/dev/null || printf "$line" nats-server 18 "in $cache"
  # shellcheck disable=SC2059
  [[ "$(id -u)" != 0 ]] || compgen -G "$cache/device-trixie-*" >/dev/null || printf "$line" "simulated device" 440 "in $cache (Debian 13, Podman)"
}

# 2.11 is the oldest that works.
has_nats_server() { [[ -n "${NATS_SERVER:-}" || "$(nats-server --version 2>/dev/null)" =~ v(2\.(1[1-9]|[2-9][0-9])|[3-9])\. ]]; }

form=git
for argument in "$@"; do
  case "$argument" in
  --help | -h) show_help; exit 0 ;;
  --kubernetes) form=kubernetes ;;
  esac
done
# Only root can have a simulated device.
host_packages=(demo)
[[ "$(id -u)" != 0 ]] || host_packages+=(device)

installs="$(list_installs "$form")"
[[ -z "$installs" ]] || printf 'To be installed first, once:\n%s\n\n' "$installs"
[[ "$form" == kubernetes ]] || install_host_packages "${host_packages[@]}"
install_npm_packages
check_node
exec node "$REPOSITORY/e2e/demo/main.ts" "$@"
