#!/usr/bin/env bash
# make faults-check: a short run of make faults, the same every time, and a short make endure; then one run for each thing
# that must never happen, in which one message is spoiled on purpose: the checker has to find that, and nothing else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=/dev/null
. deploy/local/say.sh

# The binaries that `make test` has built anyway.
export PROFILE=debug
# In seconds: far more than a run takes even on a busy machine, so that one that hangs is ended.
SHORT_LIMIT=480
ENDURE_LIMIT=420
# Of each outage.
ENDURE_SECONDS=10
PLANTED_LIMIT=200

# beside NAME PORTS: what follows has an area and ports of its own, so that it may go on beside others.
beside() {
  export FAULTS_AREA=.run/faults-check/$1 FREE_PORTS=$2
  LOG=$FAULTS_AREA/run.log
}

# run LIMIT ARGUMENTS...: one run, its report in LOG; it ends with all that it started when it is told to.
run() {
  local limit=$1
  shift
  mkdir -p "$FAULTS_AREA"
  # In the background, so that a signal ends this script at once, and with it the run.
  setpriv --pdeathsig TERM -- timeout --foreground --kill-after=20 "$limit" deploy/local/faults.sh "$@" >"$LOG" 2>&1 &
  wait $!
}

# must_find WHAT FINDING FIGURES: the run fails, with one finding: what was planted, where it was planted.
must_find() {
  local status=0 planted found
  say "One message is spoiled on its way ($1): the checker must find that, and nothing else"
  run "$PLANTED_LIMIT" --rounds 0 --seed 1 --plant "$1" || status=$?
  planted=$(sed -n "s/^planted: \($2: .*\)/\1/p" "$LOG")
  found=$(grep -E '^(Lost|Duplicated|Inverted|Leaked|Refused|Never|.* has ended without)' "$LOG" || true)
  if ((status != 1)) || [[ -z $planted || $found == *$'\n'* || $found != "$planted, at "* ]] ||
    ! tail -n 1 "$LOG" | grep -q " $3 refused=0 "; then
    cat "$LOG"
    fail "planted was ${planted:-nothing}; found was ${found:-nothing}; status $status"
  fi
  say "Found: $found"
}

must_be_good() {
  say "A short run of make faults, about a minute"
  run "$SHORT_LIMIT" --short || {
    cat "$LOG"
    fail "make faults --short found something; the logs of all parts are in $FAULTS_AREA/logs"
  }
  say "Good: $(tail -n 1 "$LOG")"
}

must_endure() {
  say "$ENDURE_SECONDS seconds of each alarm and of each frozen server: what the services use must not grow"
  run "$ENDURE_LIMIT" --endure "$ENDURE_SECONDS" --rate 4 --seed 1 || {
    cat "$LOG"
    fail "make endure found something; the logs of all parts are in $FAULTS_AREA/logs"
  }
  say "Good: $(tail -n 1 "$LOG")"
}

must_find_all() {
  must_find loss Lost "lost=1 duplicated=0 inverted=0 leaked=0"
  must_find duplicate Duplicated "lost=0 duplicated=1 inverted=0 leaked=0"
  must_find inversion Inverted "lost=0 duplicated=0 inverted=1 leaked=0"
}

# Runs of their own beside the others: all of them wait most of their time.
case ${1:-} in
  endure)
    beside endure 25000-29999
    must_endure
    exit
    ;;
  planted)
    beside planted 15000-19999
    must_find_all
    exit
    ;;
esac

# Before the first run, so that its time does not count.
deploy/local/faults.sh build
running=()
trap 'for one in "${running[@]}"; do kill -s TERM -- "-$one" 2>/dev/null || true; done' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
for one in endure planted; do
  # In a session of its own, so that it can be ended with all that it has started.
  setsid deploy/checks/faults.sh "$one" </dev/null &
  running+=($!)
done
beside others 20000-24999
must_be_good
for one in "${running[@]}"; do wait "$one"; done
