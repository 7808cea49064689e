#!/usr/bin/env bash
# make up: the distributed shape on this machine without containers. PostgreSQL, RabbitMQ and Redis of its own, two of
# each service, and nginx as the one front address. A second `make up` starts what is missing or was built anew.
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"
. "$ROOT/deploy/local/cluster.sh"

FRONT=${FRONT:-127.0.0.1:8090}
SERVICES=(chat-service dispatcher channel-gateway)

build() {
  local service packages=()
  for service in "${SERVICES[@]}"; do packages+=(--package "$service"); done
  say "Building the release binaries (the first time takes some minutes)"
  cargo_with_clients build --release --locked "${packages[@]}"
}

# The process file and the log of a part.
process() { printf '%s/%s' "$PROCESSES" "$1"; }
log() { printf '%s/%s.log' "$LOGS" "$1"; }

# port NAME: remembered while the part runs; else one that is still free.
port() {
  if running "$(process "${2:-$1}")"; then remembered_port "$PORTS" "$1"; else unused_port "$PORTS" "$1"; fi
}

start_stores() {
  local postgres rabbitmq redis
  postgres=$(server_folder "$AREA" postgres "$(account_for postgres)")
  rabbitmq=$(server_folder "$AREA" rabbitmq "$(account_for rabbitmq)")
  redis=$(server_folder "$AREA" redis "$(account_for redis)")
  POSTGRES_PORT=$(port postgres) REDIS_PORT=$(port redis)
  AMQP_PORT=$(port amqp rabbitmq) AMQP_ADMIN_PORT=$(port amqp_admin rabbitmq)
  start_once postgres postgres_launch "$(process postgres)" "$(log postgres)" "$postgres" "$POSTGRES_PORT" durable
  start_once rabbitmq rabbitmq_launch "$(process rabbitmq)" "$(log rabbitmq)" "$rabbitmq" "$AMQP_PORT" \
    "$AMQP_ADMIN_PORT" "$(port epmd rabbitmq)" "$(port amqp_node rabbitmq)" durable
  start_once redis redis_launch "$(process redis)" "$(log redis)" "$redis" "$REDIS_PORT"
  postgres_await "$(process postgres)" "$(log postgres)" "$POSTGRES_PORT"
  redis_await "$(process redis)" "$(log redis)" "$REDIS_PORT"
  rabbitmq_await "$(process rabbitmq)" "$(log rabbitmq)" "$AMQP_PORT" "$AMQP_ADMIN_PORT"
  DATABASE_URL=$(postgres_url "$postgres" "$POSTGRES_PORT")
  AMQP_URL=$(rabbitmq_url "$rabbitmq" "$AMQP_PORT")
  REDIS_URL=$(redis_url "$redis" "$REDIS_PORT")
}

# start_once NAME COMMAND...
start_once() {
  running "$(process "$1")" && return
  say "Starting $1"
  "${@:2}"
}

# start_service NAME INSTANCE NAME=VALUE...: starts it, or starts it again when its binary is newer than the process.
start_service() {
  local name=$1-$2 binary=$ROOT/target/release/$1 address metrics
  shift 2
  if running "$(process "$name")" && [[ $binary -nt $(process "$name") ]]; then stop "$(process "$name")" TERM 40; fi
  address=127.0.0.1:$(port "$name")
  metrics=127.0.0.1:$(port "$name-metrics" "$name")
  start_once "$name" launch "$(process "$name")" "$(log "$name")" \
    env -C "$ROOT" HTTP__BIND="$address" METRICS__BIND="$metrics" LOG__FORMAT="${LOG__FORMAT:-json}" "$@" "$binary"
}

await_services() {
  local name
  for name in "$@"; do
    await "$(process "$name")" "$(log "$name")" "$name" 60 ready "$(remembered_port "$PORTS" "$name")"
  done
}

start_chat_services() {
  local i
  for i in 1 2; do
    start_service chat-service $i DATABASE_URL="$DATABASE_URL" BROKER__BACKEND=amqp BROKER__AMQP_URL="$AMQP_URL" \
      AUTH__INTERNAL_SECRET="$AUTH__INTERNAL_SECRET" AUTH__SESSION_KEYS="$AUTH__SESSION_KEYS" \
      AUTH__JWT_PRIVATE_KEY_FILE="$JWT_KEY_FILE" PUBLIC_URL="http://$FRONT" HTTP__TRUSTED_PROXIES=1
  done
}

start_dispatchers() {
  local i
  for i in 1 2; do
    start_service dispatcher $i BROKER__BACKEND=amqp BROKER__AMQP_URL="$AMQP_URL" \
      PUBSUB__BACKEND=redis PUBSUB__REDIS_URL="$REDIS_URL"
  done
}

# Gateways reach the chat-services through nginx's inner address, so that one of them may be away.
start_gateways() {
  local i inner=http://127.0.0.1:$INNER_PORT
  for i in 1 2; do
    start_service channel-gateway $i CHAT_SERVICE__URL="$inner" AUTH__JWKS_URL="$inner/.well-known/jwks.json" \
      AUTH__INTERNAL_SECRET="$AUTH__INTERNAL_SECRET" AUTH__SESSION_KEYS="$AUTH__SESSION_KEYS" \
      PUBSUB__BACKEND=redis PUBSUB__REDIS_URL="$REDIS_URL" HTTP__TRUSTED_PROXIES=1
  done
}

start_front() {
  local folder name values=(FRONT="$FRONT" INNER_PORT="$INNER_PORT")
  folder=$(server_folder "$AREA" nginx "$(account_for www-data)")
  for name in chat-service-1 chat-service-2 channel-gateway-1 channel-gateway-2; do
    values+=("$name=127.0.0.1:$(port "$name")")
  done
  # Its list of addresses is read at its start only.
  if ! running "$(process nginx)" || ! nginx_is_current "$folder" "${values[@]}"; then
    nginx_stop "$(process nginx)"
    ! port_open "${FRONT##*:}" || fail "port ${FRONT##*:} is in use; choose another: make up FRONT=127.0.0.1:8190"
  fi
  start_once nginx nginx_launch "$(process nginx)" "$(log nginx)" "$folder" "${values[@]}"
  await "$(process nginx)" "$(log nginx)" nginx 10 port_open "${FRONT##*:}"
}

# The first admin, made once; its password is kept beside the data.
demo_login() {
  if [[ ! -s $DEMO_LOGIN ]]; then
    say "Making the demo operator"
    (umask 077 && printf 'demo@example.com %s\n' "$(random_text)" >"$DEMO_LOGIN.new")
    cut -d' ' -f2 "$DEMO_LOGIN.new" | DATABASE_URL=$DATABASE_URL target/release/chat-service user add \
      --email demo@example.com --name Demo --role admin --password-stdin >"$(log user-add)" 2>&1 ||
      died "The demo operator" "$(log user-add)" "could not be made"
    mv "$DEMO_LOGIN.new" "$DEMO_LOGIN"
  fi
  read -r DEMO_EMAIL DEMO_PASSWORD <"$DEMO_LOGIN"
}

main() {
  only_one "$AREA/lock" "make up or make down"
  require compiler postgres rabbitmq redis nginx openssl
  build
  trap '(($? == 0)) || say "Not all has started; make down stops what has"' EXIT
  load_secrets
  start_stores
  INNER_PORT=$(port inner nginx)
  start_chat_services
  await_services chat-service-1 chat-service-2
  demo_login
  start_front
  start_dispatchers
  start_gateways
  await_services dispatcher-1 dispatcher-2 channel-gateway-1 channel-gateway-2
  say "Switchboard is at http://$FRONT"
  say "Demo operator: $DEMO_EMAIL, password $DEMO_PASSWORD (kept in $DEMO_LOGIN)"
  say "Logs are in $LOGS; make down stops it"
}

main
