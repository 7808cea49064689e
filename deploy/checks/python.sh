# shellcheck shell=bash
# Checkers that come from PyPI, each with its version, in a private environment.

VENV=$ROOT/.run/venv

# python_tool NAME VERSION
python_tool() {
  require venv
  [[ -x $VENV/bin/pip ]] || python3 -m venv "$VENV"
  [[ $("$VENV/bin/pip" show "$1" 2>/dev/null | sed -n 's/^Version: //p') == "$2" ]] && return
  say "Installing $1 $2 from PyPI into .run/venv"
  "$VENV/bin/pip" install --quiet --disable-pip-version-check "$1==$2"
}
