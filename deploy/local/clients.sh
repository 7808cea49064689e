# shellcheck shell=bash
# The clients for browsers: from clients/ into clients/dist, which the server is compiled with.
#
# .run/clients/built says of which files clients/dist was built, and with which Node; .run/clients/dist what it holds. Its files
# get a new date only where their content is new: cargo compiles by dates.

CLIENTS_AREA=.run/clients
CLIENTS_LOG=$ROOT/$CLIENTS_AREA/log

# have_clients: whether this tree has any to build.
have_clients() { [[ -e clients/package.json ]]; }

# one_at_a_time: waits until no other command builds in clients/.
one_at_a_time() {
  mkdir -p "$CLIENTS_AREA"
  exec 8>"$CLIENTS_AREA/lock"
  flock 8
}

# hash_of FILTER...: of the names and the contents of the files in a folder that `find` finds.
hash_of() { find "$@" -type f -print0 | LC_ALL=C sort --zero-terminated | xargs --null --no-run-if-empty sha256sum | sha256sum; }

clients_sources() {
  node --version
  hash_of clients '(' -name node_modules -o -name dist -o -path clients/demo -o -path clients/engines ')' -prune -o
}

clients_are_built() {
  [[ -e clients/dist/index.html && $(clients_sources) == "$(cat "$CLIENTS_AREA/built" 2>/dev/null)" ]] &&
    [[ $(hash_of clients/dist) == "$(cat "$CLIENTS_AREA/dist" 2>/dev/null)" ]]
}

# npm_quietly ARGUMENT...: tells what npm wrote only where it fails.
npm_quietly() {
  npm --prefix clients "$@" >"$CLIENTS_LOG" 2>&1 8>&- && return
  # Some tools tell at the beginning what is wrong, and some at the end.
  sed -n '1,20p; 21s/.*/[…]/p' "$CLIENTS_LOG" >&2
  tail -n +22 "$CLIENTS_LOG" | tail -n 20 >&2
  fail "npm $1 ${2:-} has failed; its output is in $CLIENTS_AREA/log"
}

install_packages() {
  local wanted mark=clients/node_modules/.installed
  wanted=$(node --version && sha256sum clients/package-lock.json)
  [[ $(cat "$mark" 2>/dev/null) != "$wanted" ]] || return 0
  say "Installing the npm packages of the clients"
  npm_quietly ci --ignore-scripts --no-audit --no-fund --loglevel=error
  printf '%s\n' "$wanted" >"$mark"
}

# settle_dist: remembers what clients/dist holds; where that is what it held before, its files get their dates back.
settle_dist() {
  local now
  now=$(hash_of clients/dist)
  if [[ $(cat "$CLIENTS_AREA/dist" 2>/dev/null) != "$now" ]]; then
    printf '%s\n' "$now" >"$CLIENTS_AREA/dist"
    [[ -z ${CLIENTS_DATE:-} ]] || touch --date "$CLIENTS_DATE" "$CLIENTS_AREA/dist"
  fi
  find clients/dist -exec touch --no-create --reference "$CLIENTS_AREA/dist" {} +
}

# build_clients: where that was not done already.
build_clients() {
  if ! have_clients; then return; fi
  one_at_a_time
  bring_node
  if clients_are_built; then return; fi
  install_packages
  say "Building the clients"
  rm -f "$CLIENTS_AREA/built"
  # A half of them is none.
  trap 'rm -rf clients/dist' EXIT
  npm_quietly run build
  [[ -e clients/dist/index.html ]] || fail "npm run build has made no clients/dist/index.html"
  trap - EXIT
  settle_dist
  clients_sources >"$CLIENTS_AREA/built"
}

# is_first_build: whether cargo has built nothing yet. Then npm and cargo work at once: cargo begins with what needs no clients,
# and the build script of crates/web-assets waits for them.
is_first_build() { [[ ! -e ${CARGO_TARGET_DIR:-target} ]]; }

# clients_beside_cargo: what is begun between this and cargo_waits_for_clients holds cargo up until it ends. The date of what it
# builds is that of now: what is newer than its build script cargo would find changed at its next start.
clients_beside_cargo() {
  mkdir -p "$CLIENTS_AREA"
  export CLIENTS_LOCK=$ROOT/$CLIENTS_AREA/first CLIENTS_DATE
  CLIENTS_DATE=@$(date +%s)
  exec 7>"$CLIENTS_LOCK"
  flock 7
}

cargo_waits_for_clients() {
  exec 7>&-
  unset CLIENTS_DATE
}

# cargo_with_clients ARGUMENT...: builds the server, and the clients before or beside it.
cargo_with_clients() {
  local clients
  if ! is_first_build; then
    clients_or_warning
    cargo "$@" 9>&-
    return
  fi
  clients_beside_cargo
  clients_or_warning &
  clients=$!
  cargo_waits_for_clients
  cargo "$@" 9>&-
  wait "$clients"
}

# clients_or_warning: a server is of use without them too, and says at its first page that they are missing.
clients_or_warning() {
  local instead="without them"
  # A process of its own: what fails in it ends it and nothing else.
  setpriv --pdeathsig TERM -- deploy/local/build-clients.sh 9>&- && return
  [[ ! -e clients/dist/index.html ]] || instead="with those of an earlier build"
  say "WARNING: the clients for browsers could not be built; why is above. The server starts $instead; make clients tries again"
}
