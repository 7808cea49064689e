#!/usr/bin/env bash
# make lint: format, clippy, dependencies, shell scripts.
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"

# component NAME COMMAND: a part of the Rust toolchain that a minimal installation leaves out.
component() {
  cargo "$2" --version >/dev/null 2>&1 && return
  command -v rustup >/dev/null || fail "cargo $2 is missing; please install it"
  say "Installing $1 with rustup"
  rustup component add "$1" >/dev/null 2>&1 || fail "rustup component add $1 has failed"
}

# optional NAME: whether a checker is there; its absence is said, not hidden.
optional() {
  command -v "$1" >/dev/null || {
    say "Skipped: $1 is not installed"
    return 1
  }
}

require compiler
component rustfmt fmt
component clippy clippy
say "Checking the format"
cargo fmt --all --check
say "Checking with clippy"
cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
if optional cargo-deny; then
  say "Checking the dependencies' licences and sources"
  cargo deny --log-level error check licenses bans sources
fi
if optional shellcheck; then
  say "Checking the shell scripts"
  shellcheck --external-sources bench/*.sh migrations/*/*.sh deploy/*.sh deploy/*/*.sh .ci/run
fi
