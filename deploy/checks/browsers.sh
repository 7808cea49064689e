#!/usr/bin/env bash
# The widget and the console in real browsers: the widget on pages of another origin, before a real server with the clients embedded.
#
#   all [ARGUMENT…]   make test-browsers: three engines, the release build in one process, then the distributed shape; the
#                     arguments are those of clients/engines/run.ts
#   short             for make test: three scenarios in Chromium, and the console's tasks by keyboard and with two operators,
#                     on the program and the PostgreSQL that it has anyway
. "$(dirname "${BASH_SOURCE[0]}")/../local/load.sh"

export AREA=.run/browsers
export UP_AREA=$AREA/up
POSTGRES=$ROOT/$AREA/postgres.process

# scenarios ARGUMENT...: in the background, so that a signal ends this script at once, and with it the browsers.
scenarios() {
  setpriv --pdeathsig TERM -- node clients/engines/run.ts "$@" 9>&- &
  wait $!
}

# What only this needs: the drivers of two browsers and the comparison of pictures.
install_drivers() {
  local folder=clients/engines wanted
  wanted=$(node --version && sha256sum "$folder/package-lock.json")
  [[ $(cat "$folder/node_modules/.installed" 2>/dev/null) != "$wanted" ]] || return 0
  say "Installing the npm packages of the browsers' tests"
  npm --prefix "$folder" ci --ignore-scripts --no-audit --no-fund --loglevel=error >"$AREA/npm.log" 2>&1 || died npm "$AREA/npm.log" "has failed"
  printf '%s\n' "$wanted" >"$folder/node_modules/.installed"
}

stop_all() {
  trap '' INT TERM HUP
  postgres_stop "$POSTGRES"
  deploy/local/down.sh 9>&- 2>/dev/null || true
}

in_one_process() {
  say "Building the release binary (the first time takes some minutes)"
  cargo build --release --locked --package standalone 9>&- || return
  postgres_forget "$AREA"
  say "Starting a private PostgreSQL"
  postgres_private "$POSTGRES" "$ROOT/$AREA/postgres.log" "$AREA" fast
  say "Running the scenarios; what fails leaves pictures in $AREA/failures"
  STANDALONE=$ROOT/target/release/standalone scenarios "$@"
}

distributed() {
  local postgres
  # Nothing is left of an earlier run, its accounts included.
  rm -rf "${ROOT:?}/$UP_AREA"
  postgres_forget "$UP_AREA"
  FRONT=127.0.0.1:$(unused_port "$AREA/ports" front)
  export FRONT
  deploy/local/up.sh 9>&- || return
  postgres=$(server_folder "$UP_AREA" postgres "$(account_for postgres)")
  DATABASE_URL=$(postgres_url "$postgres" "$(remembered_port "$UP_AREA/ports" postgres)")
  export DATABASE_URL
  say "Running the scenarios for the distributed shape"
  scenarios --cluster "$@"
}

# Both shapes in any case: a fault of one is no reason not to know of the other. With --cluster the second alone, with --only
# the first alone.
all() {
  local status=0
  mkdir -p "$AREA"
  only_one "$AREA/lock" "make test-browsers"
  require compiler postgres rabbitmq redis nginx openssl chromium firefox-esr webkit xvfb dejavu
  deploy/local/build-clients.sh 9>&-
  bring_node
  install_drivers
  say "Checking the types of the browsers' tests"
  clients/node_modules/.bin/tsc -p clients/engines
  trap stop_all EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  if [[ " $* " != *" --cluster "* ]]; then in_one_process "$@" || status=1; fi
  postgres_stop "$POSTGRES"
  unset DATABASE_URL
  if [[ " $* " != *" --only "* || " $* " == *" --cluster "* ]]; then distributed "$@" || status=1; fi
  return $status
}

# The database is one more on the server of the tests.
short() {
  local name=browsers_$$
  require postgres
  bring_node
  PSQL=("$(postgres_bin)/psql" --quiet --no-psqlrc "$TEST_DATABASE_URL" --command)
  DROP="DROP DATABASE IF EXISTS $name WITH (FORCE)"
  trap '"${PSQL[@]}" "$DROP" >/dev/null 2>&1 || true' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  "${PSQL[@]}" "CREATE DATABASE $name"
  DATABASE_URL=$(sed -E "s#^([a-z]+://[^/]*/)[^?]*#\\1$name#" <<<"$TEST_DATABASE_URL")
  export DATABASE_URL
  export STANDALONE=${STANDALONE:-$ROOT/target/debug/standalone}
  AREA=$AREA/short scenarios --short --engines chromium
  npm --prefix clients/console run --silent test:browser -- keyboard together 9>&-
}

case ${1:-} in
  all) all "${@:2}" ;;
  short) short ;;
  *) fail "usage: browsers.sh all [ARGUMENT…] | short" ;;
esac
