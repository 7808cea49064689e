# shellcheck shell=bash
# Installs what is missing from Debian's packages. Touches nothing when all is there.

# present PART: whether this machine has it.
present() {
  case $1 in
    compiler) command -v cc >/dev/null ;;
    postgres) postgres_bin >/dev/null ;;
    rabbitmq) [[ -x $RABBITMQ_SERVER ]] && command -v epmd >/dev/null ;;
    redis) command -v redis-server >/dev/null ;;
    nginx) [[ -n $(nginx_binary) ]] ;;
    pgbouncer) [[ -x /usr/sbin/pgbouncer ]] ;;
    node) command -v node >/dev/null && command -v npm >/dev/null ;;
    dejavu) [[ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ]] ;;
    webkit) command -v WebKitWebDriver >/dev/null && compgen -G '/usr/lib/*/webkit2gtk-4.*/MiniBrowser' >/dev/null ;;
    xvfb) command -v Xvfb >/dev/null ;;
    venv) python3 -c 'import ensurepip' 2>/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

packages_of() {
  case $1 in
    compiler) printf 'gcc libc6-dev' ;;
    postgres) printf 'postgresql' ;;
    rabbitmq) printf 'rabbitmq-server' ;;
    redis) printf 'redis-server' ;;
    dejavu) printf 'fonts-dejavu-core' ;;
    webkit) printf 'webkit2gtk-driver' ;;
    venv) printf 'python3-venv' ;;
    node) printf 'nodejs npm' ;;
    taskset) printf 'util-linux' ;;
    *) printf '%s' "$1" ;;
  esac
}

# require PART...: installs the parts that are missing.
require() {
  local part missing=()
  for part in "$@"; do
    present "$part" || missing+=("$part")
  done
  ((${#missing[@]})) || return 0
  install_parts "${missing[@]}"
  for part in "${missing[@]}"; do
    present "$part" || fail "$part is not there after its package was installed"
  done
}

install_parts() {
  local part packages=() as_root=()
  for part in "$@"; do
    read -ra part <<<"$(packages_of "$part")"
    packages+=("${part[@]}")
  done
  command -v apt-get >/dev/null || fail "please install: ${packages[*]} (this is not Debian, so it cannot be done for you)"
  if ((EUID != 0)); then
    command -v sudo >/dev/null || fail "please install as root: apt-get install ${packages[*]}"
    as_root=(sudo)
  fi
  say "Installing ${packages[*]} with apt-get (the system's own services are not started)"
  "${as_root[@]}" bash "$ROOT/deploy/local/apt.sh" "${packages[@]}"
}
