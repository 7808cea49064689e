# shellcheck shell=bash
# How the services and the tests are compiled for `make test` and for the checks that run what it has built.

# component NAME COMMAND: a part of the Rust toolchain that a minimal installation leaves out.
component() {
  cargo "$2" --version >/dev/null 2>&1 && return
  command -v rustup >/dev/null || fail "cargo $2 is missing; please install it"
  say "Installing $1 with rustup"
  rustup component add "$1" >/dev/null 2>&1 || fail "rustup component add $1 has failed"
}

# Clippy is the compiler with more lints. As the compiler of this workspace it checks and compiles in one go; `cargo clippy`
# and then `cargo build` would read everything twice. What cargo runs after this must have the same settings, or it compiles
# the workspace anew. A warning is an error.
compile_with_clippy() {
  component clippy clippy
  command -v clippy-driver >/dev/null || fail "clippy-driver is not beside cargo-clippy"
  export RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
}

# All of the workspace: another choice of packages would build what they share with other features. Without the allocator of
# the services, whose C takes a hundred seconds of a core.
# shellcheck disable=SC2034  # for test.sh
AS_FOR_TESTS=(--workspace --locked --no-default-features --features 'channel-gateway/postgres,dispatcher/postgres')

build_for_tests() {
  compile_with_clippy
  cargo build "${AS_FOR_TESTS[@]}" --all-targets 9>&-
}
