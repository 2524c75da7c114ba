#!/usr/bin/env bash
# Makes store-v6.ftune, a store of format 6 (examples with patches): tests/data/store_v6.sh PROGRAM. It was made once and is
# read for ever; what stands in it is told by tests/it/formats.rs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export FIELDTUNE_STORE=$PWD/store-v6.ftune FIELDTUNE_MODEL=fieldtune-128
"$1" teach good pictures/resize-larger.png --distinct
"$1" teach good pictures/resize-same.png --distinct
"$1" store compact
rm "$FIELDTUNE_STORE.lock"
