# shellcheck shell=bash
# A private Redis: loopback, its own port, nothing on disk, since all in it can be built again.

# redis_launch PROCESS_FILE LOG FOLDER PORT [TLS_PORT]
redis_launch() {
  local file=$1 log=$2 folder=$3 port=$4 account AS
  account=$(stat -c %U "$folder")
  [[ -e $folder/password ]] || random_text | write_as "$account" "$folder/password"
  { redis_settings "$port" "$(<"$folder/password")" && redis_tls "$folder" "${5:-}"; } | write_as "$account" "$folder/redis.conf"
  become "$account"
  launch "$file" "$log" env -i -C "$folder" PATH="$PATH" "${AS[@]}" redis-server "$folder/redis.conf"
}

redis_settings() {
  printf '%s\n' "bind 127.0.0.1" "port $1" "requirepass $2" 'save ""' "appendonly no" "daemonize no" 'pidfile ""' \
    "maxclients 20000"
}

# redis_tls FOLDER PORT: nothing without a port.
redis_tls() {
  [[ -n $2 ]] || return 0
  printf '%s\n' "tls-port $2" "tls-cert-file $1/tls.pem" "tls-key-file $1/tls.key" "tls-ca-cert-file $1/ca.pem" \
    "tls-auth-clients no"
}

redis_await() { await "$1" "$2" Redis 20 port_open "$3"; }

redis_stop() { stop "$1" TERM 10; }

redis_url() { printf 'redis://default:%s@127.0.0.1:%s/' "$(<"$1/password")" "$2"; }
