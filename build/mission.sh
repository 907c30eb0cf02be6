#!/usr/bin/env bash
# Runs the proofs of docs/mission.md, each command once, and prints how many of the promises hold.
# `--list` prints them alone; `--only TEXT` runs the commands with that text in them. A promise without a command is named with what it waits for.
set -euo pipefail
# shellcheck source=build/bootstrap.sh
. "$(dirname "${BASH_SOURCE[0]}")/bootstrap.sh"
cd "$REPOSITORY"

# `promise<TAB>proof` of each row; a command stands in backticks from the first letter to the last.
rows() { sed -nE '/^\| (promise|---)/d; s/^\| (.*) \| (.*) \|$/\1\t\2/p' docs/mission.md; }

if [[ "${1:-}" == --list ]]; then rows; exit 0; fi
only=""
[[ "${1:-}" != --only ]] || only="${2:?--only takes a text}"
install_host_packages check >&2
install_npm_packages >&2
check_node >&2

logs="$(mktemp -d)"
declare -A results
held=0 counted=0 rest=()
while IFS=$'\t' read -r promise proof; do
  if [[ ! "$proof" =~ ^\`([^\`]*)\`$ ]]; then
    rest+=("$promise: $proof")
    continue
  fi
  command="${BASH_REMATCH[1]}"
  [[ "$command" == *"$only"* ]] || continue
  counted=$((counted + 1))
  if [[ -z "${results[$command]:-}" ]]; then
    log="$logs/$counted.log"
    # The command is the document's own.
    if bash -c "$command" >"$log" 2>&1 </dev/null; then results[$command]=holds; else results[$command]="FAILS, see $log"; fi
  fi
  [[ "${results[$command]}" != holds ]] || held=$((held + 1))
  say "$promise: ${results[$command]}"
done < <(rows)
printf '\nNot run here:\n'
printf '  %s\n' "${rest[@]}"
printf '\n%d of %d\n' "$held" "$counted"
[[ "$held" == "$counted" ]] && rm -r "$logs"
