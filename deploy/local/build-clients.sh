#!/usr/bin/env bash
# make clients: builds the clients for browsers into clients/dist, with which the server is compiled. Brings Node where it is
# missing. With `packages` it installs what the build needs, and no more.
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"

if [[ ${1:-} == packages ]]; then
  one_at_a_time
  bring_node
  install_packages
else
  build_clients
fi
