# shellcheck shell=bash
# What each command of this folder starts with.
#
# say.sh       one line for each thing done     process.sh   start, await and stop a process
# folders.sh   where data lies, whose it is     install.sh   Debian packages that are missing
# ports.sh     free ports, readiness            postgres.sh rabbitmq.sh redis.sh nginx.sh   the private servers
# limits.sh    a chat-service without limits, for load and checks
# tls.sh       certificates for test servers  build.sh     how make test compiles
# node.sh      Node where it is missing       clients.sh   the clients for browsers

set -euo pipefail

for file in say folders ports process install tls postgres rabbitmq redis nginx limits build node clients; do
  # shellcheck source=/dev/null
  . "$(dirname "${BASH_SOURCE[0]}")/$file.sh"
done
unset file

cd "$ROOT"
# Sockets are files, and the usual soft limit of 1,024 is low for a chat server. Not all that is allowed, though: some
# machines allow 1,000,000,000, and Erlang goes through each at its start.
files=$(ulimit -Hn)
[[ $files != unlimited ]] && ((files < 65536)) || files=65536
ulimit -n "$files"
unset files

# only_one FILE WHAT: refuses a second run in the same checkout.
only_one() {
  mkdir -p "$(dirname "$1")"
  exec 9>"$1"
  flock -n 9 || fail "$2 is already running in this checkout"
}
