#!/usr/bin/env bash
# The main job, from git push to a container on a device and back, with every part real. See --help.
set -euo pipefail
source "$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/bootstrap.sh"

# What is not there yet, before any of it is installed: what, how large, where.
list_installs() {
  local cache="${XDG_CACHE_HOME:-$HOME/.cache}/harmony-iot"
  local packages; packages="$(missing_host_packages demo)"
  [[ -n "$packages" ]] && while read -r package megabytes what; do
    printf '  %-18s %5s MB  Debian package; %s\n' "$package" "$megabytes" "$what"
  done <<<"$packages"
  [[ -d "$REPOSITORY/node_modules" ]] || printf '  %-18s %5s MB  %s\n' "npm packages" 480 "$REPOSITORY/node_modules (Node 24, linters, libraries)"
  compgen -G "$cache/nats-server-*" >/dev/null || printf '  %-18s %5s MB  %s\n' nats-server 18 "$cache"
  [[ "$(id -u)" != 0 ]] || compgen -G "$cache/device-*" >/dev/null || printf '  %-18s %5s MB  %s\n' "simulated device" 700 "$cache (Debian 13 with systemd and Podman)"
}

for argument in "$@"; do [[ "$argument" == --help || "$argument" == -h ]] && help=yes; done
installs="$(list_installs)"
if [[ -n "$installs" && -z "${help:-}" ]]; then
  printf 'To be installed first, once:\n%s\n\n' "$installs"
fi
install_npm_packages
install_host_packages demo
check_node
exec node "$REPOSITORY/e2e/demo/main.ts" "$@"
