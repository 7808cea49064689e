#!/usr/bin/env bash
# Prints fresh secrets for docker-compose.yml: deploy/compose-secrets.sh >>.env
set -euo pipefail

random() { openssl rand -base64 "$1" | tr -d '\n=' | tr '+/' '-_'; }

for name in POSTGRES_PASSWORD RABBITMQ_PASSWORD REDIS_PASSWORD AUTH__INTERNAL_SECRET; do
  printf '%s=%s\n' "$name" "$(random 36)"
done
printf 'AUTH__SESSION_KEYS=k1:%s\n' "$(random 32)"
printf "AUTH__JWT_PRIVATE_KEY='%s'\n" "$(openssl genpkey -algorithm ed25519)"
