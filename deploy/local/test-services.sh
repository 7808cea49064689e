#!/usr/bin/env bash
# PostgreSQL, RabbitMQ and Redis for the tests. What TEST_DATABASE_URL, TEST_AMQP_URL (with TEST_AMQP_ADMIN_URL) and
# TEST_REDIS_URL name already is used instead. `start` writes the addresses to .run/test/services.env; after `keep`,
# `make test` leaves the servers running.
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"

AREA=.run/test
export TEST_DATABASE_URL TEST_AMQP_URL TEST_AMQP_ADMIN_URL TEST_REDIS_URL
# Where the private servers also speak TLS: the CA, and the ports.
export TEST_TLS_CA='' TEST_AMQP_TLS_URL='' TEST_REDIS_TLS_URL=''
AUTHORITY=$ROOT/$AREA/tls
PORTS=$AREA/ports
PROCESSES=$ROOT/$AREA/processes
LOGS=$ROOT/$AREA/logs

launch_postgres() {
  local account folder port
  account=$(account_for postgres)
  folder=$(memory_folder postgres "$account") || folder=$(server_folder "$AREA" postgres "$account")
  port=$(unused_port "$PORTS" postgres)
  tls_certificate "$AUTHORITY" "$(stat -c %U "$folder")" "$folder"
  postgres_launch "$PROCESSES/postgres" "$LOGS/postgres" "$folder" "$port" fast
  TEST_DATABASE_URL=$(postgres_url "$folder" "$port")
}

launch_rabbitmq() {
  local folder amqp admin epmd node tls
  folder=$(server_folder "$AREA" rabbitmq "$(account_for rabbitmq)")
  # Tests own their virtual hosts; those of an earlier run would only slow the start.
  rm -rf "$folder/mnesia"
  amqp=$(unused_port "$PORTS" amqp) admin=$(unused_port "$PORTS" amqp_admin)
  epmd=$(unused_port "$PORTS" epmd) node=$(unused_port "$PORTS" amqp_node)
  tls=$(unused_port "$PORTS" amqp_tls)
  tls_certificate "$AUTHORITY" "$(stat -c %U "$folder")" "$folder"
  rabbitmq_launch "$PROCESSES/rabbitmq" "$LOGS/rabbitmq" "$folder" "$amqp" "$admin" "$epmd" "$node" fast "$tls"
  TEST_AMQP_URL=$(rabbitmq_url "$folder" "$amqp")
  TEST_AMQP_ADMIN_URL=$(rabbitmq_admin_url "$folder" "$admin")
  TEST_AMQP_TLS_URL=amqps://switchboard:$(<"$folder/password")@localhost:$tls/%2f
}

launch_redis() {
  local folder port tls
  folder=$(server_folder "$AREA" redis "$(account_for redis)")
  port=$(unused_port "$PORTS" redis)
  tls=$(unused_port "$PORTS" redis_tls)
  tls_certificate "$AUTHORITY" "$(stat -c %U "$folder")" "$folder"
  redis_launch "$PROCESSES/redis" "$LOGS/redis" "$folder" "$port" "$tls"
  TEST_REDIS_URL=$(redis_url "$folder" "$port")
  TEST_REDIS_TLS_URL=rediss://default:$(<"$folder/password")@localhost:$tls/
}

# given VARIABLE: whether the environment names a server for it.
given() { [[ -n ${!1:-} ]]; }

start() {
  local parts=() part
  if [[ -e $AREA/services.env ]] && all_run; then
    say "The test servers run already"
    return
  fi
  stop_all
  given TEST_DATABASE_URL || parts+=(postgres)
  given TEST_AMQP_URL || parts+=(rabbitmq)
  given TEST_REDIS_URL || parts+=(redis)
  if given TEST_AMQP_URL && ! given TEST_AMQP_ADMIN_URL; then fail "TEST_AMQP_URL needs TEST_AMQP_ADMIN_URL beside it"; fi
  if ((${#parts[@]})); then
    require openssl "${parts[@]}"
    tls_authority "$AUTHORITY"
    TEST_TLS_CA=$AUTHORITY/ca.pem
    say "Starting private test servers: ${parts[*]}"
  fi
  # A start that fails half-way leaves nothing behind.
  trap stop_all EXIT
  for part in "${parts[@]}"; do "launch_$part"; done
  for part in "${parts[@]}"; do "await_$part"; done
  write_addresses
  trap - EXIT
}

await_postgres() { postgres_await "$PROCESSES/postgres" "$LOGS/postgres" "$(remembered_port "$PORTS" postgres)"; }
await_redis() { redis_await "$PROCESSES/redis" "$LOGS/redis" "$(remembered_port "$PORTS" redis)"; }
await_rabbitmq() {
  rabbitmq_await "$PROCESSES/rabbitmq" "$LOGS/rabbitmq" \
    "$(remembered_port "$PORTS" amqp)" "$(remembered_port "$PORTS" amqp_admin)"
}

# Those that have a process file: what the environment gave has none.
all_run() {
  local file
  for file in "$PROCESSES"/*; do running "$file" || return 1; done
}

write_addresses() {
  local name
  (
    umask 077
    for name in TEST_DATABASE_URL TEST_AMQP_URL TEST_AMQP_ADMIN_URL TEST_REDIS_URL \
      TEST_TLS_CA TEST_AMQP_TLS_URL TEST_REDIS_TLS_URL; do
      printf "export %s='%s'\\n" "$name" "${!name}"
    done >"$AREA/services.env"
  )
}

stop_all() {
  # Nothing here is kept, so RabbitMQ need not take its time.
  stop "$PROCESSES/rabbitmq" KILL 5
  stop "$PROCESSES/rabbitmq.epmd" KILL 5
  redis_stop "$PROCESSES/redis"
  postgres_stop "$PROCESSES/postgres"
  # In memory it would be in the way of others. Where it is another user's, it is not in use here.
  rm -rf "$(memory_folder_name postgres)" 2>/dev/null || true
  rm -f "$AREA/services.env" "$AREA/keep"
}

case ${1:-} in
  start) start ;;
  keep)
    start
    touch "$AREA/keep"
    ;;
  stop) stop_all ;;
  *) fail "usage: test-services.sh start|keep|stop" ;;
esac
