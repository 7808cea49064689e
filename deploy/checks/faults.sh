#!/usr/bin/env bash
# make faults-check: a short run of make faults, the same every time; then one run for each thing that must never happen, in
# which one frame is spoiled on purpose: the checker has to find it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=/dev/null
. deploy/local/say.sh

run() { PROFILE=debug deploy/local/faults.sh "$@"; }

# must_find WHAT FIGURE: the run fails, and its last line says why.
must_find() {
  local log=.run/faults/planted.log status=0
  say "One message is spoiled on its way ($1): the checker must find it"
  mkdir -p .run/faults
  run --rounds 0 --seed 1 --plant "$1" >"$log" 2>&1 || status=$?
  if ((status != 1)) || ! tail -n 1 "$log" | grep -Eq " $2=[1-9][0-9]* "; then
    cat "$log"
    fail "the checker did not find the planted $1"
  fi
}

say "A short run of make faults"
run --short
must_find loss lost
must_find duplicate duplicated
