#!/usr/bin/env bash
# make admin: accounts and chats of what `make run` or `make up` started, or of DATABASE_URL.
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"

# running_database AREA PROCESS: the address of its private PostgreSQL, if that runs.
running_database() {
  local area=$1 process=$2
  running "$process" || return 1
  postgres_url "$(server_folder "$area" postgres "$(account_for postgres)")" "$(remembered_port "$area/ports" postgres)"
}

main() {
  (($# > 0)) || fail "say what to do, for example: make admin ARGS='user add --email ada@example.com --name Ada --role user'"
  if [[ -z ${DATABASE_URL:-} ]]; then
    DATABASE_URL=$(running_database .data .data/postgres.process) ||
      DATABASE_URL=$(running_database .run/up "$ROOT/.run/up/processes/postgres") ||
      fail "nothing runs; start make run or make up first, or set DATABASE_URL"
    export DATABASE_URL
  fi
  cargo build --release --locked --quiet --package standalone
  exec target/release/standalone "$@"
}

main "$@"
