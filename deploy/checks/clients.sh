#!/usr/bin/env bash
# The clients' own checks, of types, style and sizes, and their tests. They are built before.
. "$(dirname "${BASH_SOURCE[0]}")/../local/load.sh"

have_clients || exit 0
build_clients
# Cargo may wait for them, and not for the rest (clients_beside_cargo).
exec 7>&-
say "Checking the clients"
npm --prefix clients run --silent check 8>&-
say "Running the clients' tests"
npm --prefix clients test --silent 8>&-
# To measure them, the checks may have built them again.
settle_dist
