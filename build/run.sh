#!/usr/bin/env bash
# Runs a program of this repository, on a fresh clone too:
# `build/run.sh [--for USER,USER] PROGRAM [ARGUMENT...]`. It first installs what is missing: the
# packages of host-packages.txt for those users, and the npm packages. It says so on stderr, since
# stdout is the program's.
set -euo pipefail
# shellcheck source=build/bootstrap.sh
. "$(dirname "${BASH_SOURCE[0]}")/bootstrap.sh"

users=()
if [[ "$1" == --for ]]; then IFS=, read -ra users <<<"$2"; shift 2; fi
{ install_host_packages "${users[@]}"; install_npm_packages; check_node; } >&2
# npm runs a script in the folder of its package.json; a relative path is of the folder where it was typed.
cd "${INIT_CWD:-.}"
exec node "$REPOSITORY/$1" "${@:2}"
