# shellcheck shell=bash
# Where things are, and who owns them.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

# The folder for what cannot lie in the checkout, one for each checkout of this machine.
outside_folder() {
  printf '/var/lib/switchboard/%s' "$(printf '%s' "$ROOT" | sha256sum | cut -c1-12)"
}

# account_for NAME: who runs a server. PostgreSQL and RabbitMQ refuse root, so root starts each as its own account.
account_for() {
  if ((EUID != 0)); then
    id -un
  elif id "$1" >/dev/null 2>&1; then
    printf '%s' "$1"
  else
    printf 'nobody'
  fi
}

# become ACCOUNT: sets AS to the command that runs another as that account, under the same process id. Where DIES_WITH_US
# names a signal, the kernel sends it when this script ends in whatever way; a change of account after it would undo it.
become() {
  AS=()
  [[ $1 == "$(id -un)" ]] || AS=(setpriv --reuid "$1" --regid "$(id -g "$1")" --init-groups --)
  [[ -z ${DIES_WITH_US:-} ]] || AS+=(setpriv --pdeathsig "$DIES_WITH_US" --)
}

# as ACCOUNT COMMAND...
as() {
  local AS
  become "$1"
  shift
  "${AS[@]}" "$@"
}

# write_as ACCOUNT FILE: standard input into a file that only the account may read.
write_as() { as "$1" bash -c 'umask 077; cat >"$0"' "$2"; }

# For passwords, keys and cookies: 32 characters that need no escaping in an address.
random_text() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }

# memory_folder NAME ACCOUNT: a folder in memory for a server of the tests, whose data need not outlive it: most of what a file
# system does for a database that lives for seconds is spared. Fails where memory is short, or another user has the folder.
memory_folder() {
  local name=$1 account=$2 folder free room
  folder=$(memory_folder_name "$name")
  [[ $(stat -f -c %T /dev/shm 2>/dev/null) == tmpfs ]] || return 1
  free=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
  room=$(df --output=avail -m /dev/shm | tail -n 1)
  ((free >= 6144 && room >= 3072)) || return 1
  if [[ ! -d $folder ]]; then
    mkdir -m 700 "$folder" 2>/dev/null || return 1
    [[ $account == "$(id -un)" ]] || chown "$account:" "$folder"
  fi
  [[ ! -L $folder && $(stat -c %U "$folder") == "$account" ]] || return 1
  printf '%s' "$folder"
}

memory_folder_name() { printf '/dev/shm/switchboard-%s-%s' "$1" "$(printf '%s' "$ROOT" | sha256sum | cut -c1-12)"; }

# server_folder AREA NAME ACCOUNT: makes the data folder of a server and prints it: AREA/NAME in the checkout, or a
# folder under /var/lib/switchboard when the server's account may not enter the checkout.
server_folder() {
  local area=$1 name=$2 account=$3 folder
  mkdir -p "$ROOT/$area"
  folder=$ROOT/$area/$name
  if ! as "$account" test -x "$ROOT/$area"; then
    folder=$(outside_folder)/$area/$name
    [[ -d $folder ]] || say "The user $account may not enter $ROOT; the data of $name is kept in $folder"
  fi
  if [[ ! -d $folder ]]; then
    (umask 022 && mkdir -p "$(dirname "$folder")")
    mkdir -m 700 "$folder"
    [[ $account == "$(id -un)" ]] || chown "$account:" "$folder"
  fi
  printf '%s' "$folder"
}
