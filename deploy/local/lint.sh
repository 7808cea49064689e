#!/usr/bin/env bash
# make lint: format, clippy, dependencies, shell scripts. With `but-clippy`, which then checks while it compiles.
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"

# optional NAME: whether a checker is there; its absence is said, not hidden.
optional() {
  command -v "$1" >/dev/null || {
    say "Skipped: $1 is not installed"
    return 1
  }
}

require compiler
component rustfmt fmt
say "Checking the format"
cargo fmt --all --check
if [[ ${1:-} != but-clippy ]]; then
  component clippy clippy
  say "Checking with clippy"
  cargo clippy "${AS_FOR_TESTS[@]}" --all-targets --quiet -- -D warnings
fi
if optional cargo-deny; then
  say "Checking the dependencies' licences and sources"
  cargo deny --log-level error check licenses bans sources
fi
if optional shellcheck; then
  say "Checking the shell scripts"
  shellcheck --external-sources bench/*.sh migrations/*/*.sh deploy/*.sh deploy/*/*.sh .ci/run
fi
