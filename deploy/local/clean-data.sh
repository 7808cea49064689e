#!/usr/bin/env bash
# make clean-data: stops what runs and deletes the data of `make run`, `make up` and the tests.
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"

only_one .data/lock "make run"
deploy/local/down.sh 9>&-
deploy/local/test-services.sh stop 9>&-
say "Deleting .data and .run"
rm -rf "$ROOT/.data" "$ROOT/.run"
[[ ! -d $(outside_folder) ]] || rm -rf "$(outside_folder)"
