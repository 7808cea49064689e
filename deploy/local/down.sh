#!/usr/bin/env bash
# make down: stops all that `make up` started, also after one that failed half-way. The data stays.
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"
. "$ROOT/deploy/local/cluster.sh"

# stop_together NAME...: instances stop side by side.
stop_together() {
  local name
  for name in "$@"; do stop "$PROCESSES/$name" TERM 40 & done
  wait
}

main() {
  only_one "$AREA/lock" "make up or make down"
  compgen -G "$PROCESSES/*" >/dev/null || { say "Nothing runs"; return; }
  say "Stopping"
  # From the clients inwards: each part can hand on what it holds. nginx is what gateways reach chat-services through.
  stop_together channel-gateway-1 channel-gateway-2
  nginx_stop "$PROCESSES/nginx"
  stop_together chat-service-1 chat-service-2
  stop_together dispatcher-1 dispatcher-2
  rabbitmq_stop "$PROCESSES/rabbitmq"
  redis_stop "$PROCESSES/redis"
  postgres_stop "$PROCESSES/postgres"
}

main
