#!/usr/bin/env bash
# What happens to a device when something fails, every part real: four failures, each PASS or FAIL with its times. See --help.
set -euo pipefail
# shellcheck source=build/bootstrap.sh
source "$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/bootstrap.sh"

show_help() {
  cat <<'HELP'
Usage: failure-demo.sh

Starts NATS, an operator that reads a git repository, and an agent on a
simulated device (Debian 13 under systemd with rootless Podman), and has a
workload run there. Then, one after the other:
  1. the device loses its network
  2. the central part (operator and NATS) is down
  3. the agent crashes
  4. NATS is down
Each time a new version is pushed meanwhile. PASS says that the old one answered
all the while, and that the new one ran soon after the failure was over.

Needs root, for the device and its network. Takes about a minute. The last line
is PASS or FAIL, the exit code 0 or 1; nothing is left running. What it needs
and is not there is installed first, as by demo.sh.
HELP
}

case "${1:-}" in
"") ;;
--help | -h) show_help; exit 0 ;;
*) echo "failure-demo: there is no argument \"$1\" (--help shows how)" >&2; exit 2 ;;
esac
[[ "$(id -u)" == 0 ]] || { echo "failure-demo: a simulated device needs root: run it with sudo" >&2; exit 2; }
install_host_packages demo device
install_npm_packages
check_node
exec node "$REPOSITORY/e2e/demo/failure-main.ts"
