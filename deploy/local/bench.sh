#!/usr/bin/env bash
# make bench, make bench-full: the gateway against a floor and against other servers, then sending against pgbench; the
# full one also a staff feed, the whole pipeline, a deep database and attacks. make bench-attack: the attacks alone. Uses the test servers, which it stops in the end
# unless `make services-up` started them. Tables are in .run/bench.
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"

AREA=.run/bench
SERVICES=deploy/local/test-services.sh
BENCH=target/release/bench
# The load generator and all that is not measured; what is measured has core 0, which the load generator sees to.
CLIENT_CORE=1
# Of the full one, in its order; PARTS names some of them.
ALL_PARTS=(fanout neighbours hold churn operators pipeline depth send attack)

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

# up_to_date MARK LOCKFILE: whether the mark of an installation is newer than what it was installed from.
up_to_date() { [[ -e $1 && ! $2 -nt $1 ]]; }

install_node_peers() {
  local peer
  for peer in ws socketio; do
    up_to_date "bench/peers/$peer/node_modules/.installed" "bench/peers/$peer/package-lock.json" && continue
    say "Installing the npm packages of bench/peers/$peer"
    npm ci --prefix "bench/peers/$peer" --no-audit --no-fund --loglevel=error
    touch "bench/peers/$peer/node_modules/.installed"
  done
}

install_python_peer() {
  local venv=$AREA/venv lock=bench/peers/fastapi/requirements.txt
  up_to_date "$venv/.installed" "$lock" && return
  say "Installing the PyPI packages of bench/peers/fastapi into $venv"
  [[ -x $venv/bin/pip ]] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement "$lock"
  touch "$venv/.installed"
}

build() {
  say "Building the release binaries (the first time takes some minutes)"
  # All of the workspace, as `make faults`: another choice of packages would build what they share anew.
  cargo build --release --locked --workspace --bins 9>&-
}

run_bench() { taskset --cpu-list "$CLIENT_CORE" "$BENCH" "$@" 9>&-; }

# Redis carries each message and is not measured: on the gateway's core it would wait for a slice of the scheduler, and the
# small chats with it. Root can also have it go before the crowd that listens.
keep_redis_off() {
  local pid
  [[ -e .run/test/processes/redis ]] || return 0
  pid=$(cut -d' ' -f1 .run/test/processes/redis)
  taskset --all-tasks --cpu-list --pid "$CLIENT_CORE" "$pid" >/dev/null
  ((EUID != 0)) || renice --priority -10 --pid "$pid" >/dev/null
}

# Sending has a script of its own, since it needs a PostgreSQL that waits for the disk.
run_send() {
  say "Sending, against pgbench"
  bench/send.sh --output "$AREA" "$@" 9>&-
}

# Also called as "run_$extent", with arguments.
# shellcheck disable=SC2120
run_attack() {
  say "What outsiders try, each on a fresh standalone, about five minutes"
  "$BENCH" attack --output "$AREA" "$@" 9>&-
}

# All tables in one file, and one last line for machines.
finish() {
  local part
  for part in "${ALL_PARTS[@]}"; do
    [[ ! -e $AREA/$part.md ]] || cat "$AREA/$part.md"
  done >"$AREA/table.md"
  say "The tables are in $AREA/table.md"
  for part in "${ALL_PARTS[@]}"; do
    [[ ! -e $AREA/$part.line ]] || cat "$AREA/$part.line"
  done | paste -sd' '
}

# choose_parts: those that PARTS names, or all. A name that is none ends the run.
choose_parts() {
  local part
  read -ra CHOSEN <<<"${PARTS:-${ALL_PARTS[*]}}"
  for part in "${CHOSEN[@]}"; do
    [[ " ${ALL_PARTS[*]} " == *" $part "* ]] || fail "PARTS names \"$part\"; the parts are: ${ALL_PARTS[*]}"
  done
}

chosen() { [[ " ${CHOSEN[*]} " == *" $1 "* ]]; }

run_short() {
  say "Fan-out: rounds of each server in turn, some minutes"
  run_bench fanout --output "$AREA" "$@"
  run_send --rounds 2 --seconds 5
}

run_full() {
  if chosen fanout; then
    say "Fan-out: rounds of each server in turn"
    run_bench fanout --rounds 5 --messages 200 --output "$AREA"
  fi
  if chosen neighbours; then
    say "A chat of 5,000 beside 200 chats of two"
    keep_redis_off
    run_bench neighbours --output "$AREA"
  fi
  if chosen hold; then
    say "18,000 sockets of one gateway for ten minutes"
    run_bench hold
  fi
  if chosen churn; then
    say "100,000 connects and disconnects"
    run_bench churn
  fi
  if chosen operators; then
    say "A staff feed: 200 operators over 20,000 sessions"
    run_bench operators --output "$AREA"
  fi
  if chosen pipeline; then
    say "The whole pipeline, on all cores, in either shape"
    "$BENCH" pipeline --output "$AREA" 9>&-
  fi
  if chosen depth; then
    say "Depth: 100,000 and 11,000,000 messages (takes 4 GB for some minutes)"
    "$BENCH" depth --output "$AREA" 9>&-
  fi
  if chosen send; then
    run_send --rounds 3
  fi
  if chosen attack; then
    # shellcheck disable=SC2119
    run_attack
  fi
}

main() {
  local extent=${1:-short}
  case $extent in
    short) ;;
    full) choose_parts ;;
    attack) PARTS=attack ;;
    *) fail "usage: bench.sh [short|full|attack]" ;;
  esac
  only_one "$AREA/lock" "make bench"
  (($(nproc) > 1)) || fail "a server and its clients need a core each"
  require compiler postgres rabbitmq redis
  # Only those that are compared are no programs of this workspace.
  if [[ $extent != attack ]]; then
    require taskset node npm venv
    install_node_peers
    install_python_peer
  fi
  build
  start_services
  # What is measured anew replaces what was; of the other parts the last tables stay.
  [[ -n ${PARTS:-} ]] || rm -f "$AREA"/*.md "$AREA"/*.line
  "run_$extent" "${@:2}"
  finish
}

main "$@"
