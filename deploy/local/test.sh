#!/usr/bin/env bash
# make test: lint, build and run every test on real servers, which are stopped in the end in any case; then the faults, on
# servers of their own, unless tests were chosen.
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"

SERVICES=deploy/local/test-services.sh

# Servers that `make services-up` started are used and left running.
start_services() {
  if [[ ! -e .run/test/keep ]]; then
    trap '"$SERVICES" stop' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
  fi
  "$SERVICES" start 9>&-
  # shellcheck source=/dev/null
  . .run/test/services.env
}

# beside NAME COMMAND...: begins it, with its output in .run/test/NAME.log. It ends with this script.
declare -A BESIDE=()
beside() {
  local name=$1
  shift
  setpriv --pdeathsig TERM -- "$@" >".run/test/$name.log" 2>&1 9>&- &
  BESIDE[$name]=$!
}

# await_beside NAME FAULT: its end, and its output.
await_beside() {
  local status=0
  [[ -n ${BESIDE[$1]:-} ]] || return 0
  wait "${BESIDE[$1]}" || status=$?
  unset "BESIDE[$1]"
  cat ".run/test/$1.log" >&2
  ((status == 0)) || fail "$2"
}

# cargo test closes with one line for each test binary, the last often of no test: this adds them up.
add_up() {
  awk '{ print }
    /^test result: / { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i-1); if ($i ~ /^failed/) f += $(i-1); if ($i ~ /^ignored/) s += $(i-1) } }
    END { printf "%d passed, %d failed, %d skipped\n", p, f, s }'
}

run_chosen() {
  if cargo nextest --version >/dev/null 2>&1; then
    # Most of a test is waiting.
    export NEXTEST_TEST_THREADS=${NEXTEST_TEST_THREADS:-$(($(nproc) * 4))}
    cargo nextest run "${AS_FOR_TESTS[@]}" "$@" 9>&-
  else
    cargo test "${AS_FOR_TESTS[@]}" --lib --bins --tests --no-fail-fast "$@" 9>&- | add_up
  fi
}

# The services are compiled with the clients for browsers, whose own checks run beside that.
begin_clients() {
  have_clients || return 0
  if is_first_build; then clients_beside_cargo; else deploy/local/build-clients.sh 9>&-; fi
  beside clients deploy/checks/clients.sh
  cargo_waits_for_clients
}

# The widget in Chromium, before the server that was just built, runs beside the tests.
run_all() {
  cargo test "${AS_FOR_TESTS[@]}" --doc --quiet 9>&-
  if have_clients; then beside browsers deploy/checks/browsers.sh short; fi
  run_chosen
  await_beside browsers "the widget or the console has failed in Chromium; pictures are in .run/browsers/short/failures"
  deploy/checks/faults.sh 9>&-
}

only_one .run/test/lock "make test"
require compiler nginx haproxy chromium pgbouncer prometheus
begin_clients
deploy/local/lint.sh but-clippy 9>&-
start_services
say "Building the services and the tests, and checking them with clippy"
build_for_tests
await_beside clients "the clients could not be built, or their checks have failed"
say "Running the tests"
if (($#)); then run_chosen "$@"; else run_all; fi
