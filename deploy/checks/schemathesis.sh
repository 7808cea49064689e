#!/usr/bin/env bash
# make schemathesis: generated requests against chat-service, each answer held against the OpenAPI document. Arguments
# go on to schemathesis.
. "$(dirname "${BASH_SOURCE[0]}")/../local/load.sh"
. "$ROOT/deploy/checks/python.sh"

FOLDER=.run/schemathesis
EMAIL=schemathesis@example.com

stop_all() {
  stop "$FOLDER/chat-service" TERM 20
  postgres_stop "$FOLDER/postgres.process"
}

# A database of its own, empty at each run.
start_postgres() {
  postgres_forget "$FOLDER"
  postgres_private "$FOLDER/postgres.process" "$FOLDER/postgres.log" "$FOLDER" fast
}

# BROKER__BACKEND stays pg: nobody takes the outbox's rows away, and nothing that is tested here waits for that.
start_chat_service() {
  openssl genpkey -algorithm ed25519 -out "$FOLDER/jwt-key.pem" 2>/dev/null
  launch "$FOLDER/chat-service" "$FOLDER/chat-service.log" env HTTP__BIND="127.0.0.1:$1" AUTH__ACCESS_TTL=12h \
    AUTH__INTERNAL_SECRET="$(random_text)$(random_text)" AUTH__SESSION_KEYS="k1:$(random_text)$(random_text)" \
    AUTH__JWT_PRIVATE_KEY_FILE="$FOLDER/jwt-key.pem" PUBLIC_URL="http://127.0.0.1:$1" "${NO_LIMITS[@]}" \
    target/debug/chat-service
  await "$FOLDER/chat-service" "$FOLDER/chat-service.log" chat-service 60 ready "$1"
}

# access_token PORT: of an operator made for this run.
access_token() {
  local password
  password=$(random_text)
  printf '%s\n' "$password" | target/debug/chat-service user add --email "$EMAIL" --name Schemathesis --role operator \
    --password-stdin >"$FOLDER/user-add.log" 2>&1 || died "The operator" "$FOLDER/user-add.log" "could not be made"
  printf '{"email":"%s","password":"%s"}' "$EMAIL" "$password" |
    curl --silent --fail --header 'content-type: application/json' --data @- "http://127.0.0.1:$1/auth/login" |
    sed 's/.*"access_token":"\([^"]*\)".*/\1/'
}

only_one "$FOLDER/lock" "make schemathesis"
require compiler postgres openssl curl
python_tool schemathesis 4.32.5
say "Building chat-service"
# As `make test` has built it.
build_for_tests
trap stop_all EXIT
trap 'exit 130' INT TERM HUP
start_postgres
port=$(free_port)
start_chat_service "$port"
token=$(access_token "$port")
"$VENV/bin/schemathesis" run "http://127.0.0.1:$port/openapi.json" --url "http://127.0.0.1:$port" --checks all --continue-on-failure \
  --header "Authorization: Bearer $token" --request-timeout 20 "$@"
