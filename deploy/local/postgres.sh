# shellcheck shell=bash
# A private PostgreSQL: loopback, its own port, a password, no socket file.

# postgres_bin [MAJOR]: the folder of the programs of that version, else of the newest; fails when there is none.
postgres_bin() {
  local bin
  bin=$(compgen -G "/usr/lib/postgresql/${1:-*}/bin" | sort -V | tail -n 1)
  if [[ -z $bin ]] && command -v initdb >/dev/null; then
    bin=$(dirname "$(readlink -f "$(command -v initdb)")")
  fi
  [[ -x $bin/initdb ]] && printf '%s' "$bin"
}

# postgres_create FOLDER ACCOUNT [PROFILE]: the first start. It is put in place whole, so that an interrupted one is done again. Tests
# open many thousands of connections, on loopback: SCRAM's 4,096 rounds for each would be a tenth of their time.
postgres_create() {
  local auth=scram-sha-256
  [[ ${3:-} != fast ]] || auth=md5
  as "$2" env -i PATH="$PATH" LANG=C.UTF-8 FOLDER="$1" BIN="$(postgres_bin)" AUTH="$auth" bash -euo pipefail -c '
    umask 077
    cd "$FOLDER"
    rm -rf new
    head -c 24 /dev/urandom | base64 | tr "+/" "-_" >password
    "$BIN/initdb" -D new --username=switchboard --pwfile=password --auth="$AUTH" \
      --encoding=UTF8 --locale=C.UTF-8 --no-sync --no-instructions
    echo "CREATE DATABASE switchboard" | "$BIN/postgres" --single -D new postgres
    sync -f .
    mv new data
  ' >"$1/create.log" 2>&1 || died PostgreSQL "$1/create.log" "could not be set up"
}

# What a profile changes. `fast` is for tests: it gives up only what a crash of the whole machine would need.
postgres_settings() {
  printf '%s\n' listen_addresses=127.0.0.1 unix_socket_directories= timezone=UTC log_timezone=UTC
  case $1 in
    durable) printf '%s\n' shared_buffers=256MB max_connections=200 max_wal_size=2GB ;;
    # A connection costs less where less memory is shared.
    fast) printf '%s\n' shared_buffers=32MB max_connections=600 max_wal_size=512MB fsync=off full_page_writes=off wal_level=minimal max_wal_senders=0 ;;
  esac
}

# postgres_launch PROCESS_FILE LOG FOLDER PORT PROFILE
postgres_launch() {
  local file=$1 log=$2 folder=$3 port=$4 profile=$5 account bin setting settings=() AS
  account=$(stat -c %U "$folder")
  [[ -e $folder/data/PG_VERSION ]] || postgres_create "$folder" "$account" "$profile"
  bin=$(postgres_bin "$(<"$folder/data/PG_VERSION")") ||
    fail "$folder/data is of PostgreSQL $(<"$folder/data/PG_VERSION"), which is not installed"
  while read -r setting; do settings+=(-c "$setting"); done < <(postgres_settings "$profile")
  # Certificates of a test server.
  [[ ! -e $folder/tls.pem ]] || settings+=(-c ssl=on -c ssl_cert_file="$folder/tls.pem" -c ssl_key_file="$folder/tls.key")
  become "$account"
  # The clean environment keeps the caller's PG... variables out.
  launch "$file" "$log" env -i -C "$folder" PATH="$PATH" LANG=C.UTF-8 "${AS[@]}" \
    "$bin/postgres" -D "$folder/data" -c port="$port" "${settings[@]}"
}

# postgres_await PROCESS_FILE LOG PORT
postgres_await() { await "$1" "$2" PostgreSQL 60 "$(postgres_bin)/pg_isready" -q -h 127.0.0.1 -p "$3"; }

# postgres_private PROCESS_FILE LOG AREA PROFILE: one for a script alone, which waits until it serves. Sets DATABASE_URL.
postgres_private() {
  local file=$1 log=$2 area=$3 profile=$4 folder port
  folder=$(server_folder "$area" postgres "$(account_for postgres)")
  port=$(unused_port "$ROOT/$area/ports" postgres)
  postgres_launch "$file" "$log" "$folder" "$port" "$profile"
  postgres_await "$file" "$log" "$port"
  DATABASE_URL=$(postgres_url "$folder" "$port")
  export DATABASE_URL
}

# postgres_forget AREA: the next one begins with an empty database.
postgres_forget() { rm -rf "$(server_folder "$1" postgres "$(account_for postgres)")/data"; }

# A fast shutdown: clients are disconnected.
postgres_stop() { stop "$1" INT 20; }

postgres_url() { printf 'postgres://switchboard:%s@127.0.0.1:%s/switchboard?sslmode=disable' "$(<"$1/password")" "$2"; }
