#!/usr/bin/env bash
# As root: installs packages without starting, now or at boot, the services that they bring.
set -euo pipefail

log=$(mktemp)
policy=/usr/sbin/policy-rc.d
units=(postgresql rabbitmq-server redis-server nginx haproxy pgbouncer prometheus epmd)

# Two checkouts may install at once, and the policy file is there only once.
exec 9>/run/lock/switchboard-install.lock
flock 9

has_unit() { [[ -e /lib/systemd/system/$1.service ]]; }

before=()
for unit in "${units[@]}"; do ! has_unit "$unit" || before+=("$unit"); done

cleanup() {
  [[ -z ${made_policy:-} ]] || rm -f "$policy"
  rm -f "$log"
}
trap cleanup EXIT

if [[ ! -e $policy ]]; then
  made_policy=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

quietly() {
  if ! "$@" >"$log" 2>&1 9>&-; then
    cat "$log" >&2
    exit 1
  fi
}

export DEBIAN_FRONTEND=noninteractive
quietly apt-get -o DPkg::Lock::Timeout=600 -q update
quietly apt-get -o DPkg::Lock::Timeout=600 -q -y --no-install-recommends install "$@"

# update-rc.d knows both systemd and the older scripts; units without a script need systemctl.
for unit in "${units[@]}"; do
  if has_unit "$unit" && [[ " ${before[*]} " != *" $unit "* ]]; then
    update-rc.d "$unit" disable >/dev/null 2>&1 || true
    systemctl disable --quiet "$unit" 2>/dev/null || true
  fi
done
