#!/usr/bin/env bash
# make clients: builds the clients for browsers into clients/dist, with which the server is compiled. Brings Node where it is
# missing.
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"

build_clients
