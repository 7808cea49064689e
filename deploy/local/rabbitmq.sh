# shellcheck shell=bash
# A private RabbitMQ: loopback, its own ports, data, cookie and port mapper (epmd).

# Debian's /usr/sbin/rabbitmq-server insists on the system's folders and user; this is the program behind it.
RABBITMQ_SERVER=/usr/lib/rabbitmq/bin/rabbitmq-server

# rabbitmq_configure ACCOUNT FOLDER AMQP_PORT ADMIN_PORT PROFILE [TLS_PORT]
rabbitmq_configure() {
  local account=$1 folder=$2
  [[ -e $folder/password ]] || random_text | write_as "$account" "$folder/password"
  [[ -e $folder/.erlang.cookie ]] || random_text | write_as "$account" "$folder/.erlang.cookie"
  write_as "$account" "$folder/rabbitmq.conf" <<END
listeners.tcp.1 = 127.0.0.1:$3
management.tcp.ip = 127.0.0.1
management.tcp.port = $4
default_user = switchboard
default_pass = $(<"$folder/password")
log.console = true
log.console.level = warning
log.file = false
$(rabbitmq_tls "$2" "${6:-}")
END
  write_as "$account" "$folder/enabled_plugins" <<<'[rabbitmq_management].'
  rabbitmq_profile "$5" | write_as "$account" "$folder/advanced.config"
}

# rabbitmq_tls FOLDER PORT: nothing without a port.
rabbitmq_tls() {
  [[ -n $2 ]] || return 0
  printf '%s\n' "listeners.ssl.1 = 127.0.0.1:$2" "ssl_options.cacertfile = $1/ca.pem" \
    "ssl_options.certfile = $1/tls.pem" "ssl_options.keyfile = $1/tls.key" \
    "ssl_options.verify = verify_none" "ssl_options.fail_if_no_peer_cert = false"
}

# Quorum queues write their log before they confirm. Tests give up only what a crash of the whole machine would need.
rabbitmq_profile() {
  case $1 in
    durable) printf '[].\n' ;;
    fast) printf '[{ra, [{wal_sync_method, none}]}].\n' ;;
  esac
}

# rabbitmq_launch PROCESS_FILE LOG FOLDER AMQP_PORT ADMIN_PORT EPMD_PORT NODE_PORT PROFILE [TLS_PORT]
rabbitmq_launch() {
  local file=$1 log=$2 folder=$3 epmd_port=$6 node_port=$7 account AS environment
  account=$(stat -c %U "$folder")
  rabbitmq_configure "$account" "$folder" "$4" "$5" "$8" "${9:-}"
  become "$account"
  environment=(env -i -C "$folder" PATH="$PATH" LANG=C.UTF-8 HOME="$folder"
    ERL_EPMD_PORT="$epmd_port" ERL_EPMD_ADDRESS=127.0.0.1)
  launch "$file.epmd" "$log.epmd" "${environment[@]}" "${AS[@]}" epmd
  # RUNNING_UNDER_SYSTEMD: the script becomes the server instead of waiting beside it.
  launch "$file" "$log" "${environment[@]}" RUNNING_UNDER_SYSTEMD=true \
    RABBITMQ_NODENAME="switchboard-$node_port@localhost" RABBITMQ_DIST_PORT="$node_port" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}" \
    RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_CONFIG_FILE="$folder/rabbitmq.conf" \
    RABBITMQ_ADVANCED_CONFIG_FILE="$folder/advanced.config" RABBITMQ_ENABLED_PLUGINS_FILE="$folder/enabled_plugins" \
    RABBITMQ_MNESIA_BASE="$folder/mnesia" RABBITMQ_LOG_BASE="$folder/log" \
    RABBITMQ_GENERATED_CONFIG_DIR="$folder/generated" \
    "${AS[@]}" "$RABBITMQ_SERVER"
}

# rabbitmq_await PROCESS_FILE LOG AMQP_PORT ADMIN_PORT
rabbitmq_await() {
  await "$1" "$2" RabbitMQ 90 port_open "$3"
  await "$1" "$2" "RabbitMQ's management" 60 port_open "$4"
}

rabbitmq_stop() {
  stop "$1" TERM 30
  stop "$1.epmd" TERM 5
}

rabbitmq_url() { printf 'amqp://switchboard:%s@127.0.0.1:%s/%%2f' "$(<"$1/password")" "$2"; }

rabbitmq_admin_url() { printf 'http://switchboard:%s@127.0.0.1:%s' "$(<"$1/password")" "$2"; }
