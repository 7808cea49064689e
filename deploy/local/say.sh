# shellcheck shell=bash
# How the scripts speak: one line for each thing that they do, on stderr so that a function's result stays clean.

say() { printf '==> %s\n' "$*" >&2; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
