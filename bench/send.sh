#!/usr/bin/env bash
# Messages stored in a second through chat-service, beside pgbench with the same statement, on a PostgreSQL of their own
# that keeps its promises (synchronous_commit and fsync are on). Arguments go to `bench send`: --rounds 3 --senders 1,64 …
# SERVICE names another binary of chat-service, to compare two of them.
# shellcheck source=deploy/local/load.sh
. "$(dirname "${BASH_SOURCE[0]}")/../deploy/local/load.sh"

AREA=.run/bench-send
POSTGRES=$ROOT/$AREA/postgres.process
SERVICE_PROCESS=$ROOT/$AREA/chat-service.process
LOG=$ROOT/$AREA/chat-service.log

stop_all() {
  trap '' INT TERM HUP
  stop "$SERVICE_PROCESS" TERM 40
  postgres_stop "$POSTGRES"
}

start_postgres() { postgres_private "$POSTGRES" "$ROOT/$AREA/postgres.log" "$AREA" durable; }

# Its port is the process's choice: it says which in its log.
start_service() {
  local key secret
  key=k1:$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
  secret=$(random_text)
  launch "$SERVICE_PROCESS" "$LOG" env HTTP__BIND=127.0.0.1:0 \
    AUTH__SESSION_KEYS="$key" AUTH__INTERNAL_SECRET="$secret" \
    AUTH__JWT_PRIVATE_KEY="$(openssl genpkey -algorithm ed25519)" \
    "${NO_LIMITS[@]}" "${SERVICE:-target/release/chat-service}"
  await "$SERVICE_PROCESS" "$LOG" chat-service 60 listening
}

listening() {
  PORT=$(sed -n 's/.*127\.0\.0\.1:\([1-9][0-9]*\).*/\1/p' "$LOG" | head -n 1)
  [[ -n $PORT ]] && ready "$PORT"
}

main() {
  only_one "$AREA/lock" "bench/send.sh"
  require postgres
  cargo build --release --locked --workspace --bins 9>&-
  trap stop_all EXIT
  trap 'exit 0' INT TERM HUP
  start_postgres
  start_service
  target/release/bench --address "http://127.0.0.1:$PORT" send --pgbench "$(postgres_bin)/pgbench" \
    --service-pid "$(cut -d' ' -f1 "$SERVICE_PROCESS")" --postgres-pid "$(cut -d' ' -f1 "$POSTGRES")" "$@" 9>&-
}

main "$@"
