#!/usr/bin/env bash
# What is measured on a PostgreSQL of its own that keeps its promises (synchronous_commit and fsync are on): arguments go to
# `bench`, such as `jobs --rounds 3` or `feed`.
# shellcheck source=deploy/local/load.sh
. "$(dirname "${BASH_SOURCE[0]}")/../deploy/local/load.sh"

AREA=.run/bench-durable
POSTGRES=$ROOT/$AREA/postgres.process

main() {
  only_one "$AREA/lock" "bench/durable.sh"
  require postgres
  cargo build --release --locked --workspace --bins 9>&-
  trap 'trap "" INT TERM HUP; postgres_stop "$POSTGRES"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  postgres_private "$POSTGRES" "$ROOT/$AREA/postgres.log" "$AREA" durable
  TEST_DATABASE_URL=$DATABASE_URL target/release/bench "$@" 9>&-
  postgres_stop "$POSTGRES"
  postgres_forget "$AREA"
}

main "$@"
