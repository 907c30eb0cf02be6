# shellcheck shell=bash
# Sourced by check.sh and the demo: what they need on a fresh clone. Puts the pinned Node on the PATH, installs the npm packages
# when the lock file has changed, and the Debian packages of host-packages.txt that are missing. Every function says what it does
# and does nothing when there is nothing to do. Expects bash with `set -e`; the servers of the tests are prepared by
# testkit/src/prepare.ts.

REPOSITORY="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export HOME="${HOME:-/root}"
export PATH="$REPOSITORY/node_modules/.bin:$PATH:/usr/local/go/bin:/usr/local/sbin:/usr/sbin:/sbin"
export npm_config_update_notifier=false

say() { printf '[%4ds] %s\n' "$SECONDS" "$*"; }

# The lines of host-packages.txt for "demo" or "check" whose proof is not there.
missing_host_packages() {
  local users package proof rest
  while read -r users package proof rest; do
    [[ "$users" == \#* || ",$users," != *",$1,"* ]] && continue
    if [[ "$proof" == /* ]]; then [[ -e "$proof" ]] || echo "$package $rest"
    else command -v "$proof" >/dev/null || echo "$package $rest"; fi
  done <"$REPOSITORY/build/host-packages.txt"
}

install_host_packages() {
  local missing
  missing="$(missing_host_packages "$1" | cut -d' ' -f1 | tr '\n' ' ')"
  [[ -z "$missing" ]] && return 0
  if ! command -v apt-get >/dev/null || [[ "$(id -u)" != 0 ]]; then
    say "this machine lacks: $missing(names of Debian packages); install them, or run this as root on Debian or Ubuntu" >&2
    return 1
  fi
  say "installing Debian packages: $missing"
  local log; log="$(mktemp)"
  # The package lists may be missing or old; a list that cannot be had is no reason to stop before the installation has failed.
  DEBIAN_FRONTEND=noninteractive apt-get update -qq >"$log" 2>&1 </dev/null || true
  # shellcheck disable=SC2086
  if ! DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >>"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    say "failed to install $missing" >&2
    return 1
  fi
  rm -f "$log"
}

# What the lock file says, without touching it. Not `npm ci`: that wants the lock file to name every platform's variant of the
# optional native packages, and registries that mirror only some platforms leave the others out of it.
install_npm_packages() {
  local wanted stamp="$REPOSITORY/node_modules/.installed-lock"
  wanted="$(sha256sum <"$REPOSITORY/package-lock.json")"
  [[ -f "$stamp" && "$(cat "$stamp")" == "$wanted" ]] && return 0
  if ! command -v npm >/dev/null; then
    say "this machine has no npm; install Node.js 20 or newer (the project then uses its own, pinned)" >&2
    return 1
  fi
  say "installing npm packages"
  (cd "$REPOSITORY" && npm install --no-save --no-audit --no-fund --loglevel=error </dev/null)
  echo "$wanted" >"$stamp"
}

check_node() {
  local version; version="$(node --version)"
  [[ "$version" == v24.* ]] && return 0
  say "node is $version instead of 24: the npm package with the pinned one is missing (npm install --include=optional)" >&2
  return 1
}
