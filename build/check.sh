#!/usr/bin/env bash
# Checks everything that must hold before a change is accepted: format, lint, types, generated files,
# unused code, then all tests against real servers. It runs the same on a fresh clone of a bare Debian
# (as root), on a developer's machine and in CI. Servers that have to be built are built in the
# background from the beginning. It ends with the line "N passed, N failed", where a check that is no
# test counts as one when it fails.

set -euo pipefail
# shellcheck source=build/bootstrap.sh
. "$(dirname "${BASH_SOURCE[0]}")/bootstrap.sh"
cd "$REPOSITORY"
[[ -t 1 ]] || export NO_COLOR=1

reports="$(mktemp -d)"
prepare_pid=
outage_pid=
failed_checks=()
clean_up() {
  # Ends the whole groups: Go's compilers, and the servers of a test, are children of their own.
  local pid
  for pid in $prepare_pid $outage_pid; do kill -- "-$pid" 2>/dev/null || true; done
  rm -rf "$reports"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

check() {
  local name="$1" started=$SECONDS; shift
  say "$name"
  if "$@" </dev/null; then say "$name: fine, $((SECONDS - started)) s"
  else say "$name: FAILED, $((SECONDS - started)) s"; failed_checks+=("$name"); fi
}

shell_scripts() {
  git ls-files -z -- '*.sh' 'iot/iot-agent/package/debian/p*' iot/iot-agent/package/root/usr/lib/iot-agent \
    iot/iot-agent/package/root/usr/share/bash-completion | xargs -0 shellcheck --external-sources
}

run_tests() {
  local project="$1"; shift
  vitest run --project "$project" --reporter=default --reporter=json --outputFile.json="$reports/$project.json" "$@"
}

# Waits for the outage's tests: ten minutes, which cost the other tests nothing.
outage_ends() {
  local result=0
  wait "$outage_pid" || result=$?
  outage_pid=
  cat "$reports/outage.log"
  return "$result"
}

finish() {
  local passed failed
  read -r passed failed < <(node testkit/src/count-tests.ts "$reports"/*.json)
  # A failed run of tests counts through its tests.
  local check
  for check in "${failed_checks[@]}"; do
    say "failed: $check"
    [[ "$check" == tests:* ]] || failed=$((failed + 1))
  done
  (( passed + failed > 0 )) || { say "no test ran"; failed=1; }
  say "done"
  echo "$passed passed, $failed failed"
  (( failed == 0 && ${#failed_checks[@]} == 0 ))
}

install_host_packages check
install_npm_packages
check_node

say "preparing the servers of the tests in the background"
set -m
node testkit/src/prepare.ts >"$reports/prepare.log" 2>&1 </dev/null &
prepare_pid=$!
set +m

# These two colour their output where CI is set, even if no terminal shows it.
check "format" env -u CI oxfmt --check .
check "lint" env -u CI oxlint --type-aware --deny-warnings
check "types" tsc -p tsconfig.json --noEmit
check "circles of imports" node build/import-circles.ts
if [[ -f iot/contracts/scripts/generate.ts ]]; then check "generated files" npm run --silent generate -- --check; fi
check "unused code" knip --no-config-hints
check "shell scripts" shell_scripts
check "tests: unit" run_tests unit
# With the fuzzing of YAML among the units it is 45 s at most.
check "fuzz" node build/fuzz.ts --seconds 36

say "the servers of the tests"
tail --lines=+1 --follow --pid="$prepare_pid" "$reports/prepare.log" | sed 's/^/        /'
wait "$prepare_pid" || failed_checks+=("preparing the servers of the tests")
prepare_pid=

set -m
run_tests outage >"$reports/outage.log" 2>&1 </dev/null &
outage_pid=$!
set +m
check "tests: servers" run_tests servers
check "tests: e2e" run_tests e2e
check "tests: argocd" run_tests argocd
check "tests: outage" outage_ends
finish
