# shellcheck shell=bash
# check.sh, run.sh and the demo source this file for their needs on a fresh clone. It puts the pinned
# Node on the PATH, installs the npm packages when the lock file has changed, and the Debian packages
# of host-packages.txt that are missing. Every function says what it does and does nothing when there
# is nothing to do. It expects bash with `set -e`. testkit/src/prepare.ts prepares the servers of the
# tests.

REPOSITORY="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
INSTALLED_LOCK="$REPOSITORY/node_modules/.installed-lock"
export HOME="${HOME:-/root}"
export PATH="$REPOSITORY/node_modules/.bin:$PATH:/usr/local/go/bin:/usr/local/sbin:/usr/sbin:/sbin"
export npm_config_update_notifier=false

say() { printf '[%4ds] %s\n' "$SECONDS" "$*"; }

# The lines of host-packages.txt for those users (demo, device, check, …) whose proof does not exist:
# package, megabytes, purpose.
missing_host_packages() {
  local wanted=" $* " users package proof rest user
  while read -r users package proof rest; do
    for user in ${users//,/ }; do
      [[ "$user" != \#* && "$wanted" == *" $user "* ]] || continue
      if [[ "$proof" == /* ]]; then [[ -e "$proof" ]] || echo "$package $rest"
      else command -v "$proof" >/dev/null || echo "$package $rest"; fi
      break
    done
  done <"$REPOSITORY/build/host-packages.txt"
}

install_host_packages() {
  local missing
  missing="$(missing_host_packages "$@" | cut -d' ' -f1 | tr '\n' ' ')"
  [[ -z "$missing" ]] && return 0
  if ! command -v apt-get >/dev/null; then
    say "this machine lacks what Debian calls ${missing% }: install it with this system's package manager, then run this again" >&2
    return 1
  fi
  if [[ "$(id -u)" != 0 ]]; then
    say "this machine lacks ${missing% }: run \"sudo apt-get install ${missing% }\", then this again" >&2
    return 1
  fi
  say "installing Debian packages: $missing"
  local log; log="$(mktemp)"
  # The package lists may be missing or old. A failed update is no reason to stop before the
  # installation has failed.
  DEBIAN_FRONTEND=noninteractive apt-get update -qq >"$log" 2>&1 </dev/null || true
  # shellcheck disable=SC2086
  if ! DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >>"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    say "failed to install $missing" >&2
    return 1
  fi
  rm -f "$log"
}

# Installs the packages of the lock file, and leaves that file alone. `npm ci` would not do: it wants
# the lock file to name every platform's variant of the optional native packages, and registries that
# mirror only some platforms leave the others out of it.
install_npm_packages() {
  has_npm_packages && return 0
  if ! command -v npm >/dev/null; then
    say "this machine has no npm; install Node.js 20 or newer (the project then uses its own, pinned)" >&2
    return 1
  fi
  say "installing npm packages"
  (cd "$REPOSITORY" && npm install --no-save --no-audit --no-fund --no-progress --loglevel=error </dev/null)
  lock_digest >"$INSTALLED_LOCK"
}

has_npm_packages() { [[ -f "$INSTALLED_LOCK" && "$(cat "$INSTALLED_LOCK")" == "$(lock_digest)" ]]; }
lock_digest() { sha256sum <"$REPOSITORY/package-lock.json"; }

check_node() {
  local version; version="$(node --version)"
  [[ "$version" == v24.* ]] && return 0
  say "node is $version instead of 24: the npm package with the pinned one is missing (npm install --include=optional)" >&2
  return 1
}
