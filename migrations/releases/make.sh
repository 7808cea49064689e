#!/usr/bin/env bash
# Keeps what a release stores, so that the upgrade from it can be tested for ever:
#
#   migrations/releases/make.sh VERSION [COMMIT]
#
# builds chat-service of the commit (HEAD), starts it on a private PostgreSQL, fills that through the REST interface and the
# command line with a bit of everything, and writes VERSION/dump.sql, VERSION/people.json and VERSION/commit beside this
# script. CHAT_SERVICE names a binary that is built already.
# shellcheck source=deploy/local/load.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../deploy/local/load.sh"

AREA=.run/release
POSTGRES=$ROOT/$AREA/postgres.process
SERVICE_PROCESS=$ROOT/$AREA/chat-service.process
LOG=$ROOT/$AREA/chat-service.log
PASSWORD='a password of the dump'

stop_all() {
  trap '' INT TERM HUP
  stop "$SERVICE_PROCESS" TERM 40
  postgres_stop "$POSTGRES"
}

# Each run begins with an empty database.
start_postgres() {
  postgres_forget "$AREA"
  postgres_private "$POSTGRES" "$ROOT/$AREA/postgres.log" "$AREA" fast
}

build() {
  local commit=$1 tree=$ROOT/$AREA/tree
  git worktree remove --force "$tree" 2>/dev/null || true
  git worktree add --force --detach "$tree" "$commit"
  cargo build --locked --manifest-path "$tree/Cargo.toml" --target-dir "$ROOT/$AREA/target" --package chat-service
  git worktree remove --force "$tree"
  CHAT_SERVICE=$ROOT/$AREA/target/debug/chat-service
}

# Without a broker there is no relay: all events wait in the outbox. Logins last, so that they are good when the dump is
# loaded.
start_service() {
  local key
  key=k1:$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
  launch "$SERVICE_PROCESS" "$LOG" env HTTP__BIND=127.0.0.1:0 AUTH__SESSION_KEYS="$key" \
    AUTH__INTERNAL_SECRET="$(random_text)" AUTH__JWT_PRIVATE_KEY="$(openssl genpkey -algorithm ed25519)" \
    AUTH__REFRESH_TTL=100years "$CHAT_SERVICE"
  await "$SERVICE_PROCESS" "$LOG" chat-service 60 listening
}

listening() {
  PORT=$(sed -n 's/.*127\.0\.0\.1:\([1-9][0-9]*\).*/\1/p' "$LOG" | head -n 1)
  [[ -n $PORT ]] && ready "$PORT"
}

admin() { "$CHAT_SERVICE" "$@"; }

# call METHOD PATH TOKEN [BODY]: the answer; anything but a success ends the script.
call() {
  local options=(--silent --show-error --fail-with-body --request "$1")
  [[ -z $3 ]] || options+=(--header "Authorization: Bearer $3")
  [[ $# -lt 4 ]] || options+=(--header 'Content-Type: application/json' --data "$4")
  curl "${options[@]}" "http://127.0.0.1:$PORT$2"
}

# field NAME: the value of that name in the answer on standard input; of several the first.
field() { grep -o "\"$1\":\(\"[^\"]*\"\|[0-9]*\)" | head -n 1 | sed 's/^[^:]*://; s/"//g'; }

# account NAME ROLE: an account that is named by its address.
account() {
  admin user add --email "$1@example.com" --name "${1^}" --role "$2" --password-stdin <<<"$PASSWORD" >/dev/null
}

log_in() { call POST /auth/login '' "{\"email\":\"$1@example.com\",\"password\":\"$PASSWORD\"}"; }

UUIDS=0
# say_in PATH TOKEN TEXT [VISIBILITY]: the id of the message.
say_in() {
  local seen=${4:-public} answer
  UUIDS=$(<"$AREA/uuids")
  echo $((UUIDS + 1)) >"$AREA/uuids"
  answer=$(call POST "$1/messages" "$2" "{\"body\":\"$3\",\"visibility\":\"$seen\",
    \"client_id\":\"00000000-0000-4000-8000-$(printf %012d "$UUIDS")\"}")
  field id <<<"$answer"
}

mark() { call POST "$1/marks" "$2" "{\"kind\":\"$3\",\"last_id\":$4}" >/dev/null; }

# visitor BODY: sets SESSION, PATHNAME, TOKEN and SECRET of a new session.
visitor() {
  local opened
  opened=$(call POST /chat/session '' "$1")
  SESSION=$(field session_id <<<"$opened")
  TOKEN=$(field token <<<"$opened")
  SECRET=$(field visitor_secret <<<"$opened")
  PATHNAME=/chat/session/$SESSION
  VISITORS+=("{\"session_id\": $SESSION, \"secret\": \"$SECRET\"}")
}

# Accounts of each role, closed ones among them; logins that live, were renewed and have ended.
fill_accounts() {
  local name login
  account root admin
  for name in olivia oscar otto; do account "$name" operator; done
  for name in uma ursula ulf una; do account "$name" user; done
  admin user disable --email otto@example.com
  admin user disable --email una@example.com
  admin user enable --email una@example.com
  ROOT_TOKEN=$(log_in root | field access_token)
  login=$(log_in olivia)
  login=$(call POST /auth/refresh '' "{\"refresh_token\":\"$(field refresh_token <<<"$login")\"}")
  OLIVIA=$(field access_token <<<"$login") OLIVIA_REFRESH=$(field refresh_token <<<"$login")
  OSCAR=$(log_in oscar | field access_token)
  login=$(log_in oscar)
  call POST /auth/logout '' "{\"refresh_token\":\"$(field refresh_token <<<"$login")\"}"
  UMA=$(log_in uma | field access_token)
  URSULA=$(log_in ursula | field access_token)
  ULF=$(log_in ulf | field access_token)
  login=$(log_in una)
  call POST /auth/logout '' "{\"refresh_token\":\"$(field refresh_token <<<"$login")\",\"all\":true}"
}

# Sessions in each status, assigned to somebody, to nobody and taken back, with notes, marks and bans.
fill_sessions() {
  local last
  visitor '{"name":"Ada","email":"ada@example.net","page_url":"https://shop.example/cart","locale":"en-GB",
    "metadata":{"plan":"pro","cart":[{"sku":"A1","n":2}],"naïve":"ünïcode ✓"}}'
  say_in "$PATHNAME" "$TOKEN" 'Do you ship to Portugal?' >/dev/null
  call POST "$PATHNAME/assign" "$OLIVIA" '{"user_id":2}' >/dev/null
  last=$(say_in "$PATHNAME" "$OLIVIA" 'We do.\nTwo to four days. 🙂')
  mark "$PATHNAME" "$TOKEN" delivered "$last"
  mark "$PATHNAME" "$TOKEN" read "$last"
  say_in "$PATHNAME" "$OLIVIA" 'Asked about Spain last week.' staff >/dev/null
  last=$(say_in "$PATHNAME" "$TOKEN" 'Thank you!')
  mark "$PATHNAME" "$OLIVIA" read "$last"
  mark "$PATHNAME" "$OSCAR" delivered "$last"
  say_in "$PATHNAME" "$OLIVIA" 'You are welcome.' >/dev/null

  visitor '{"name":"Ben"}'
  say_in "$PATHNAME" "$TOKEN" 'My order is late.' >/dev/null
  call POST "$PATHNAME/assign" "$OSCAR" '{"user_id":3}' >/dev/null
  call POST "$PATHNAME/status" "$OSCAR" '{"status":"pending"}' >/dev/null

  visitor '{"email":"cleo@example.net"}'
  last=$(say_in "$PATHNAME" "$TOKEN" 'Found it myself.')
  mark "$PATHNAME" "$OSCAR" read "$last"
  call POST "$PATHNAME/assign" "$OSCAR" '{"user_id":3}' >/dev/null
  call POST "$PATHNAME/assign" "$OSCAR" '{"user_id":null}' >/dev/null
  call POST "$PATHNAME/status" "$OSCAR" '{"status":"closed"}' >/dev/null

  visitor '{"name":"Dan"}'
  call POST "$PATHNAME/status" "$OLIVIA" '{"status":"closed"}' >/dev/null
  say_in "$PATHNAME" "$TOKEN" 'One more thing.' >/dev/null

  visitor '{"name":"Eve"}'
  say_in "$PATHNAME" "$TOKEN" 'Buy my things!' >/dev/null
  call POST "$PATHNAME/ban" "$OLIVIA" >/dev/null

  visitor '{"name":"Finn"}'
  call POST "$PATHNAME/ban" "$OLIVIA" >/dev/null
  call POST "$PATHNAME/unban" "$OSCAR" >/dev/null

  visitor '{}'
}

# A chat of each other kind; members that came, went and came back.
fill_chats() {
  local group channel direct last
  group=/chats/$(admin chat create --kind group --title Warehouse \
    --member uma@example.com --member ursula@example.com --member ulf@example.com | sed 's/id: //')
  say_in "$group" "$UMA" 'Deliveries arrive at gate B.' >/dev/null
  last=$(say_in "$group" "$URSULA" 'Since when?')
  mark "$group" "$UMA" read "$last"
  mark "$group" "$ULF" delivered "$last"
  call DELETE "$group/members/7" "$UMA" >/dev/null
  say_in "$group" "$UMA" 'Since Monday.' >/dev/null
  call POST "$group/members" "$UMA" '{"user_id":7}' >/dev/null
  say_in "$group" "$ULF" 'I was away.' >/dev/null
  call POST "$group/members" "$ROOT_TOKEN" '{"user_id":8}' >/dev/null
  call DELETE "$group/members/8" "$UMA" >/dev/null
  direct=/chats/$(admin chat create --kind direct --member uma@example.com --member ursula@example.com | sed 's/id: //')
  last=$(say_in "$direct" "$UMA" 'Lunch?')
  mark "$direct" "$URSULA" read "$last"
  channel=/chats/$(admin chat create --kind channel --title News --member uma@example.com \
    --member ursula@example.com --member ulf@example.com | sed 's/id: //')
  say_in "$channel" "$UMA" 'We are open on Sunday.' >/dev/null
  admin chat create --kind record --title 'Order 4711' --member ulf@example.com >/dev/null
}

# What proves the people of the dump. It is worth nothing anywhere else.
people() {
  local IFS=$'\n'
  printf '{\n  "password": "%s",\n  "refresh_token": "%s",\n  "visitors": [\n' "$PASSWORD" "$OLIVIA_REFRESH"
  sed '$!s/$/,/; s/^/    /' <<<"${VISITORS[*]}"
  printf '  ]\n}\n'
}

# INSERTs, so that any client can load it; lines for psql alone are left out.
dump() {
  "$(postgres_bin)/pg_dump" --no-owner --no-privileges --inserts --rows-per-insert=1000 "$DATABASE_URL" |
    sed '/^\\/d; /^--/d' | cat -s
}

main() {
  local version=${1:?say which release} commit folder
  commit=$(git rev-parse "${2:-HEAD}")
  folder=migrations/releases/$version
  mkdir -p "$folder"
  only_one "$AREA/lock" "migrations/releases/make.sh"
  require postgres
  [[ -n ${CHAT_SERVICE:-} ]] || build "$commit"
  trap stop_all EXIT
  trap 'exit 0' INT TERM HUP
  start_postgres
  start_service
  echo 1 >"$AREA/uuids"
  VISITORS=()
  fill_accounts
  fill_sessions
  fill_chats
  stop "$SERVICE_PROCESS" TERM 40
  dump >"$folder/dump.sql"
  people >"$folder/people.json"
  echo "$commit" >"$folder/commit"
  say "Written: $folder"
}

main "$@"
