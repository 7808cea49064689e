# shellcheck shell=bash
# Certificates for the test servers: a CA of their own, and a certificate of "localhost" that it has signed.

# tls_authority FOLDER: makes the CA, once.
tls_authority() {
  [[ -s $1/ca.pem ]] && return
  mkdir -p "$1"
  (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 3650 \
    -subj '/CN=Switchboard test CA' -keyout "$1/ca.key" -out "$1/ca.pem" 2>"$1/openssl.log") ||
    died "The test CA" "$1/openssl.log" "could not be made"
}

# tls_certificate AUTHORITY ACCOUNT FOLDER: a key and a certificate in a server's folder, readable by its account alone.
tls_certificate() {
  local authority=$1 account=$2 folder=$3 made
  [[ -s $folder/tls.pem && $folder/tls.pem -nt $authority/ca.pem ]] && return
  made=$(mktemp -d)
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -subj '/CN=localhost' \
    -keyout "$made/key" -out "$made/request" 2>"$authority/openssl.log"
  openssl x509 -req -in "$made/request" -CA "$authority/ca.pem" -CAkey "$authority/ca.key" -CAcreateserial -days 3650 \
    -extfile <(printf 'subjectAltName=DNS:localhost') -out "$made/certificate" 2>>"$authority/openssl.log" ||
    died "A test certificate" "$authority/openssl.log" "could not be made"
  write_as "$account" "$folder/tls.key" <"$made/key"
  write_as "$account" "$folder/ca.pem" <"$authority/ca.pem"
  write_as "$account" "$folder/tls.pem" <"$made/certificate"
  rm -r "$made"
}
