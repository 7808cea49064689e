#!/usr/bin/env bash
# make run: everything in one process, PostgreSQL the only server. Ctrl-C stops what this started.
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"

DATA=.data
POSTGRES=$DATA/postgres.process
SERVICE=$DATA/standalone.process
POSTGRES_LOG=$ROOT/$DATA/postgres.log
FIRST_DEATH=-100 DEATHS=0

# 127.0.0.1:8080, or PORT, or the whole address in HTTP__BIND.
export HTTP__BIND=${HTTP__BIND:-127.0.0.1:${PORT:-8080}}
export DATA_DIR=${DATA_DIR:-$ROOT/$DATA/standalone}

stop_all() {
  trap '' INT TERM HUP
  stop "$SERVICE" TERM 40
  postgres_stop "$POSTGRES"
}

start_postgres() {
  local folder port
  folder=$(server_folder "$DATA" postgres "$(account_for postgres)")
  # What an earlier run left behind when it was killed.
  postgres_stop "$POSTGRES"
  port=$(unused_port "$DATA/ports" postgres)
  say "Starting a private PostgreSQL on port $port, data in $folder"
  POSTGRES_FOLDER=$folder POSTGRES_PORT=$port
  launch_postgres
  DATABASE_URL=$(postgres_url "$folder" "$port")
  export DATABASE_URL
}

launch_postgres() {
  DIES_WITH_US=INT postgres_launch "$POSTGRES" "$POSTGRES_LOG" "$POSTGRES_FOLDER" "$POSTGRES_PORT" durable
  postgres_await "$POSTGRES" "$POSTGRES_LOG" "$POSTGRES_PORT"
}

# A PostgreSQL that this started and that died is started again; one that dies again and again has a reason.
keep_postgres() {
  [[ -n ${POSTGRES_FOLDER:-} ]] && ! running "$POSTGRES" || return 0
  local now=$SECONDS
  ((now - FIRST_DEATH > 60)) && FIRST_DEATH=$now DEATHS=0
  DEATHS=$((DEATHS + 1))
  ((DEATHS <= 3)) || died PostgreSQL "$POSTGRES_LOG" "has stopped $DEATHS times in a minute"
  say "PostgreSQL has stopped; starting it again (its log is $POSTGRES_LOG.old)"
  launch_postgres
}

# What somebody needs first, behind the lines of the start.
tell_how_to_begin() {
  local login
  say "Switchboard is ready"
  say "  address   http://$HTTP__BIND/ (the widget, the operator's side, and what to do next)"
  if login=$(cat "$DATA_DIR/demo-login" 2>/dev/null); then say "  login     ${login% *}, password ${login##* }"; fi
  say "  your site make admin ARGS=\"site allow --key default --origin https://shop.example\", then the tag of README.md"
  say "Ctrl-C stops it"
}

# Until Switchboard ends by itself, which is told, or somebody ends this.
watch_over() {
  local service=$1 status=0 is_told=
  while running "$SERVICE"; do
    keep_postgres
    if [[ -z $is_told ]] && ready "${HTTP__BIND##*:}"; then is_told=yes && tell_how_to_begin; fi
    sleep 1 &
    wait $! || true
  done
  wait "$service" || status=$?
  ((status == 0)) || fail "Switchboard has ended by itself (status $status); what it wrote is above"
}

main() {
  only_one "$DATA/lock" "make run"
  port_open "${HTTP__BIND##*:}" && fail "port ${HTTP__BIND##*:} is in use; choose another: make run PORT=8180"
  require compiler
  [[ -n ${DATABASE_URL:-} ]] || require postgres
  say "Building the release binary (the first time takes some minutes)"
  local build=(build --release --locked --package standalone)
  if [[ ${BUILD_CLIENTS:-yes} == no ]]; then cargo "${build[@]}" 9>&-; else cargo_with_clients "${build[@]}"; fi

  trap stop_all EXIT
  trap 'exit 0' INT TERM HUP
  [[ -n ${DATABASE_URL:-} ]] || start_postgres
  say "Starting Switchboard on http://$HTTP__BIND"
  # Its output goes to the terminal, so this is not launch().
  setsid setpriv --pdeathsig TERM -- target/release/standalone 9>&- &
  remember "$SERVICE" $!
  watch_over $!
}

main
