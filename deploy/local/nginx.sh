# shellcheck shell=bash
# The one front address: nginx as an ordinary user, with its own configuration and folders.

# Debian keeps it in /usr/sbin, which is not on every user's PATH.
nginx_binary() { PATH=$PATH:/usr/sbin command -v nginx || true; }

# nginx_configuration FOLDER NAME=VALUE...: the template, filled in.
nginx_configuration() {
  local pair edits=(-e "s#@FOLDER@#$1#g")
  shift
  for pair in "$@"; do edits+=(-e "s#@${pair%%=*}@#${pair#*=}#g"); done
  sed "${edits[@]}" "$ROOT/deploy/nginx/local.conf.template"
}

# nginx_is_current FOLDER NAME=VALUE...: whether the server there was started with these values and files.
nginx_is_current() {
  nginx_configuration "$@" | cmp -s - "$1/nginx.conf" &&
    cmp -s "$ROOT/deploy/nginx/http.conf" "$1/http.conf" &&
    cmp -s "$ROOT/deploy/nginx/locations.conf" "$1/locations.conf"
}

# nginx_launch PROCESS_FILE LOG FOLDER NAME=VALUE...
nginx_launch() {
  local file=$1 log=$2 folder=$3 AS
  shift 3
  nginx_configuration "$folder" "$@" >"$folder/nginx.conf"
  cp "$ROOT/deploy/nginx/http.conf" "$ROOT/deploy/nginx/locations.conf" "$folder"
  become "$(stat -c %U "$folder")"
  chmod 644 "$folder"/*.conf
  launch "$file" "$log" env -i -C "$folder" PATH="$PATH" "${AS[@]}" \
    "$(nginx_binary)" -e stderr -p "$folder" -c nginx.conf -g 'daemon off;'
}

nginx_stop() { stop "$1" TERM 5; }
