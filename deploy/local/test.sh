#!/usr/bin/env bash
# make test: lint, build and run every test on real servers, which are stopped in the end in any case; then the faults, on
# servers of their own, unless tests were chosen.
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"

SERVICES=deploy/local/test-services.sh
CLIENTS=.run/test/clients.log
BROWSERS=.run/test/browsers.log

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

# Their checks run beside what mostly waits; cargo compiles the services with what they have built.
begin_clients() {
  deploy/checks/clients.sh >"$CLIENTS" 2>&1 9>&- &
  CLIENTS_PID=$!
}

await_clients() {
  local status=0
  wait "$CLIENTS_PID" || status=$?
  cat "$CLIENTS" >&2
  ((status == 0)) || fail "the clients' checks have failed"
}

# The widget in Chromium before the server that was just built, beside the tests.
begin_browsers() {
  have_clients || return 0
  setpriv --pdeathsig TERM -- deploy/checks/browsers.sh short >"$BROWSERS" 2>&1 9>&- &
  BROWSERS_PID=$!
}

await_browsers() {
  local status=0
  have_clients || return 0
  wait "$BROWSERS_PID" || status=$?
  cat "$BROWSERS" >&2
  ((status == 0)) || fail "the widget has failed in Chromium; pictures are in .run/browsers/short/failures"
}

# cargo test closes with one line for each test binary, the last often of no test: this adds them up.
add_up() {
  awk '{ print }
    /^test result: / { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i-1); if ($i ~ /^failed/) f += $(i-1); if ($i ~ /^ignored/) s += $(i-1) } }
    END { printf "%d passed, %d failed, %d skipped\n", p, f, s }'
}

run_tests() {
  cargo test "${AS_FOR_TESTS[@]}" --doc --quiet
  if cargo nextest --version >/dev/null 2>&1; then
    # Most of a test is waiting.
    export NEXTEST_TEST_THREADS=${NEXTEST_TEST_THREADS:-$(($(nproc) * 4))}
    cargo nextest run "${AS_FOR_TESTS[@]}" "$@"
  else
    cargo test "${AS_FOR_TESTS[@]}" --lib --bins --tests --no-fail-fast "$@" | add_up
  fi
}

only_one .run/test/lock "make test"
require compiler nginx haproxy chromium pgbouncer prometheus
begin_clients
deploy/local/lint.sh but-clippy 9>&-
start_services
await_clients
say "Building the services and the tests, and checking them with clippy"
build_for_tests
say "Running the tests"
(($#)) || begin_browsers
run_tests "$@" 9>&-
(($#)) || await_browsers
(($#)) || deploy/checks/faults.sh 9>&-
