#!/usr/bin/env bash
# make dev: vite, which serves the clients from their sources and passes on to the server all else, and the server itself.
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"

DEV=.data/dev.process

export PORT=${PORT:-8080} DEV_PORT=${DEV_PORT:-5173}
# Where vite passes requests on to.
export SWITCHBOARD_URL=http://127.0.0.1:$PORT

main() {
  have_clients || fail "there is no clients/package.json"
  mkdir -p .data
  port_open "$DEV_PORT" && fail "port $DEV_PORT is in use; choose another: make dev DEV_PORT=5273"
  deploy/local/build-clients.sh packages
  bring_node
  trap 'stop "$DEV" TERM 10' EXIT
  trap : INT TERM HUP
  say "Starting vite on http://127.0.0.1:$DEV_PORT"
  # Its output goes to the terminal, so this is not launch().
  setsid setpriv --pdeathsig TERM -- node clients/dev.ts </dev/null &
  remember "$DEV" $!
  BUILD_CLIENTS=no deploy/local/run.sh
}

main
