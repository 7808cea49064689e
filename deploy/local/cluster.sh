# shellcheck shell=bash
# shellcheck disable=SC2034 # those who include this use them
# What `make up` and `make down` both know: where the distributed shape keeps its things.

# Of its own for one beside another.
AREA=${UP_AREA:-.run/up}
PROCESSES=$ROOT/$AREA/processes
LOGS=$ROOT/$AREA/logs
PORTS=$AREA/ports
SECRETS=$AREA/secrets.env
DEMO_LOGIN=$AREA/demo-login
JWT_KEY_FILE=$ROOT/$AREA/jwt-key.pem

# Made once, readable by this user alone.
load_secrets() {
  [[ -s $SECRETS && -s $JWT_KEY_FILE ]] || make_secrets
  # shellcheck source=/dev/null
  . "$SECRETS"
}

make_secrets() {
  say "Making the secrets, kept in $AREA"
  (
    umask 077
    openssl genpkey -algorithm ed25519 -out "$JWT_KEY_FILE"
    printf "AUTH__INTERNAL_SECRET='%s'\nAUTH__SESSION_KEYS='%s'\n" \
      "$(random_text)$(random_text)" "k1:$(random_text)$(random_text)" >"$SECRETS"
  )
}
