#!/usr/bin/env bash
# make run: everything in one process, PostgreSQL the only server. Ctrl-C stops what this started.
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"

DATA=.data
POSTGRES=$DATA/postgres.process
SERVICE=$DATA/standalone.process

# 127.0.0.1:8080, or PORT, or the whole address in HTTP__BIND.
export HTTP__BIND=${HTTP__BIND:-127.0.0.1:${PORT:-8080}}
export DATA_DIR=${DATA_DIR:-$ROOT/$DATA/standalone}

stop_all() {
  trap '' INT TERM HUP
  stop "$SERVICE" TERM 40
  postgres_stop "$POSTGRES"
}

start_postgres() {
  local folder port log=$ROOT/$DATA/postgres.log
  folder=$(server_folder "$DATA" postgres "$(account_for postgres)")
  # What an earlier run left behind when it was killed.
  postgres_stop "$POSTGRES"
  port=$(unused_port "$DATA/ports" postgres)
  say "Starting a private PostgreSQL on port $port, data in $folder"
  DIES_WITH_US=INT postgres_launch "$POSTGRES" "$log" "$folder" "$port" durable
  postgres_await "$POSTGRES" "$log" "$port"
  DATABASE_URL=$(postgres_url "$folder" "$port")
  export DATABASE_URL
}

main() {
  only_one "$DATA/lock" "make run"
  port_open "${HTTP__BIND##*:}" && fail "port ${HTTP__BIND##*:} is in use; choose another: make run PORT=8180"
  require compiler
  [[ -n ${DATABASE_URL:-} ]] || require postgres
  say "Building the release binary (the first time takes some minutes)"
  cargo build --release --locked --package standalone 9>&-

  trap stop_all EXIT
  trap 'exit 0' INT TERM HUP
  [[ -n ${DATABASE_URL:-} ]] || start_postgres
  say "Starting Switchboard on http://$HTTP__BIND (Ctrl-C stops it)"
  # Its output goes to the terminal, so this is not launch().
  setsid setpriv --pdeathsig TERM -- target/release/standalone 9>&- &
  remember "$SERVICE" $!
  wait $!
}

main
