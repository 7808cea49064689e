#!/usr/bin/env bash
# make conformance: Autobahn's WebSocket cases against the gateway's codec, by way of its echo route. 12.* and 13.* are
# about compression, which the gateway does not offer.
. "$(dirname "${BASH_SOURCE[0]}")/../local/load.sh"
. "$ROOT/deploy/checks/python.sh"

FOLDER=.run/conformance

# No other part is needed for the echo: the addresses lead nowhere.
start_gateway() {
  say "Starting a channel-gateway with its echo route on port $1"
  launch "$FOLDER/gateway" "$FOLDER/gateway.log" env HTTP__BIND="127.0.0.1:$1" CHANNEL__ECHO=true \
    AUTH__INTERNAL_SECRET="$(random_text)$(random_text)" AUTH__SESSION_KEYS="k1:$(random_text)$(random_text)" \
    CHAT_SERVICE__URL=http://127.0.0.1:1 AUTH__JWKS_URL=http://127.0.0.1:1/ \
    PUBSUB__BACKEND=redis PUBSUB__REDIS_URL=redis://127.0.0.1:1/ target/debug/channel-gateway
  await "$FOLDER/gateway" "$FOLDER/gateway.log" channel-gateway 20 port_open "$1"
}

only_one "$FOLDER/lock" "make conformance"
require compiler
python_tool kosoku 0.1.0
# As `make test` has built it.
build_for_tests
trap 'stop "$FOLDER/gateway" TERM 10' EXIT
trap 'exit 130' INT TERM HUP
port=$(free_port)
start_gateway "$port"
"$VENV/bin/kosoku" --exclude '12.*' --exclude '13.*' --outdir "$FOLDER/report" "ws://127.0.0.1:$port/channel/echo"
