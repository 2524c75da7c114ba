#!/usr/bin/env bash
# Made the files beside it, with OpenSSL 3: an authority, whose key is other.key, and two certificates of good.key.
set -euo pipefail
cd "$(dirname "$0")"
for name in good other; do
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$name.key"
done
openssl req -x509 -new -key other.key -subj "/CN=fieldtune test authority" -days 36500 -out authority.pem
sign() {
    openssl req -new -key good.key -subj "/CN=fieldtune test" -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" \
        -addext "basicConstraints=critical,CA:FALSE" -out request.pem
    rm -rf ca && mkdir ca && touch ca/index && echo 01 > ca/serial
    printf '[ca]\ndefault_ca=it\n[it]\nnew_certs_dir=ca\ndatabase=ca/index\nserial=ca/serial\ndefault_md=sha256\npolicy=any\ncopy_extensions=copy\n[any]\ncommonName=supplied\n' > ca/conf
    openssl ca -batch -config ca/conf -cert authority.pem -keyfile other.key -in request.pem \
        -startdate "$2" -enddate "$3" -notext -out "$1"
    rm -rf ca request.pem
}
sign good.pem 20200101000000Z 21260101000000Z
sign expired.pem 200101000000Z 210101000000Z
