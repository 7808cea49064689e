#!/usr/bin/env bash
# make faults: breaks the distributed shape in every way that it must survive, and compares what every client saw with
# PostgreSQL. Private servers and two of each service; all of them end with it. Where Node, Chromium and nginx are there, real
# browsers with the widget are among the clients (BROWSERS=4 tabs).
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"

# Of its own for a run beside another one.
AREA=${FAULTS_AREA:-.run/faults}
PORTS=$AREA/ports
# release, or debug where that is built anyway.
PROFILE=${PROFILE:-release}
BINARIES=$ROOT/target/$PROFILE
JWT_KEY_FILE=$ROOT/$AREA/jwt-key.pem

folder_of() { server_folder "$AREA" "$1" "$(account_for "$1")"; }

port_of() { remembered_port "$PORTS" "$1"; }

build() {
  require compiler postgres rabbitmq redis openssl
  say "Building the binaries (the first time takes some minutes)"
  case $PROFILE in
    debug) build_for_tests ;;
    # All of the workspace, as `make bench`: another choice of packages would build what they share anew.
    *) cargo build --workspace --bins --locked --release 9>&- ;;
  esac
}

find_node() { node_is_new_enough || PATH=$NODE_FOLDER/links:$PATH; }

# choose_browsers ARGUMENT...: how many tabs of browsers take part. Where nobody has said it, none in a run that is to be short,
# that measures the services, or in which something is planted; nor where what they need is missing.
choose_browsers() {
  local argument is_asked_for=${BROWSERS:+yes}
  export CHROMIUM=${CHROMIUM:-/usr/bin/chromium} BROWSERS=${BROWSERS:-4}
  if [[ -z $is_asked_for ]]; then
    for argument in "$@"; do
      case $argument in --short | --endure* | --plant*) BROWSERS=0 ;; esac
    done
    if ! { [[ -x $CHROMIUM ]] && present nginx && (find_node && node_is_new_enough); }; then BROWSERS=0; fi
  fi
  ((BROWSERS > 0)) || return 0
  [[ -z $is_asked_for ]] || require nginx
  [[ -x $CHROMIUM ]] || require chromium
  # The widget, which chat-service is compiled with, and what drives the browsers.
  if deploy/local/build-clients.sh 9>&- && deploy/local/build-clients.sh packages 9>&-; then return; fi
  [[ -z $is_asked_for ]] || fail "no browsers: the clients could not be built"
  say "WARNING: no browsers take part, since the clients could not be built; why is above"
  BROWSERS=0
}

# Nothing is left of an earlier run but its ports. What it started ended with it.
prepare() {
  local name
  for name in postgres rabbitmq redis; do
    rm -rf "$(folder_of "$name")"
  done
  rm -rf "$AREA/logs"
  (umask 077 && openssl genpkey -algorithm ed25519 -out "$JWT_KEY_FILE")
  for name in postgres amqp amqp_admin epmd amqp_node redis; do unused_port "$PORTS" "$name" >/dev/null; done
  postgres_create "$(folder_of postgres)" "$(account_for postgres)"
  # The addresses hold the passwords, so these are there before the first start.
  for name in rabbitmq redis; do
    random_text | write_as "$(account_for "$name")" "$(folder_of "$name")/password"
  done
}

addresses() {
  export FAULTS_DATABASE_URL FAULTS_AMQP_URL FAULTS_REDIS_URL
  FAULTS_DATABASE_URL=$(postgres_url "$(folder_of postgres)" "$(port_of postgres)")
  FAULTS_AMQP_URL=$(rabbitmq_url "$(folder_of rabbitmq)" "$(port_of amqp)")
  FAULTS_REDIS_URL=$(redis_url "$(folder_of redis)" "$(port_of redis)")
  export FAULTS_JWT_KEY_FILE=$JWT_KEY_FILE FAULTS_SCRIPT=$ROOT/deploy/local/faults.sh FAULTS_AREA=$AREA
}

# serve NAME ARGUMENT...: this process becomes the server, so that whoever started it can signal it.
serve() {
  launch() {
    local file=$1
    shift 2
    # RabbitMQ's port mapper runs beside it and ends with it.
    if [[ $file == *.epmd ]]; then "$@" </dev/null & else exec "$@"; fi
  }
  case $1 in
    postgres) postgres_launch postgres - "$(folder_of postgres)" "$(port_of postgres)" durable ;;
    rabbitmq)
      rabbitmq_launch rabbitmq - "$(folder_of rabbitmq)" "$(port_of amqp)" "$(port_of amqp_admin)" "$(port_of epmd)" \
        "$(port_of amqp_node)" durable
      ;;
    redis) redis_launch redis - "$(folder_of redis)" "$(port_of redis)" ;;
    nginx) nginx_launch nginx - "$(server_folder "$AREA" nginx "$(account_for www-data)")" "${@:2}" ;;
    browsers)
      find_node
      exec node "$ROOT/clients/faults/main.ts" "${@:2}"
      ;;
    *) fail "usage: faults.sh serve postgres|rabbitmq|redis|nginx|browsers [ARGUMENT...]" ;;
  esac
}

# alone NAME: prepares RabbitMQ or Redis without the rest, says where it is, and becomes it.
alone() {
  local name
  rm -rf "$(folder_of "$1")"
  for name in amqp amqp_admin epmd amqp_node redis; do unused_port "$PORTS" "$name" >/dev/null; done
  random_text | write_as "$(account_for "$1")" "$(folder_of "$1")/password"
  case $1 in
    rabbitmq) printf 'url: %s\n' "$(rabbitmq_url "$(folder_of rabbitmq)" "$(port_of amqp)")" ;;
    redis) printf 'url: %s\n' "$(redis_url "$(folder_of redis)" "$(port_of redis)")" ;;
  esac
  serve "$1"
}

# control EXPRESSION: has the private RabbitMQ evaluate it, as rabbitmqctl would in some seconds. Prints {ok, its value}.
control() {
  local folder AS
  folder=$(folder_of rabbitmq)
  become "$(stat -c %U "$folder")"
  exec env -i -C "$folder" PATH="$PATH" LANG=C.UTF-8 HOME="$folder" \
    "${AS[@]}" erl_call -address "127.0.0.1:$(port_of amqp_node)" -e <<<"$1."
}

main() {
  only_one "$AREA/lock" "make faults"
  choose_browsers "$@"
  build
  say "Preparing private servers in $AREA; the logs of all parts will be in $AREA/logs"
  prepare
  addresses
  # The lock stays with the run.
  exec "$BINARIES/faults" --logs "$AREA/logs" "$@"
}

case ${1:-} in
  serve) serve "${2:-}" "${@:3}" ;;
  build) build ;;
  alone) alone "${2:-}" ;;
  control) control "${2:-}" ;;
  *) main "$@" ;;
esac
