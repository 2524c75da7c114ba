#!/usr/bin/env bash
# Makes store-v2.ftune, a store of format 2, from store-v1.ftune: tests/data/store_v2.sh PROGRAM. It was made once and
# is read for ever; what stands in it is told by tests/it/cli_store.rs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export FIELDTUNE_STORE=$PWD/store-v2.ftune
cp store-v1.ftune "$FIELDTUNE_STORE"
"$1" rename scratch worn
"$1" save monday
"$1" threshold --confidence 0.5
"$1" forget --example 5
"$1" store compact
rm "$FIELDTUNE_STORE.lock"
