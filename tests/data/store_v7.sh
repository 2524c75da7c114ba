#!/usr/bin/env bash
# Makes store-v7.ftune, a store of format 7 (patches a byte a value, fewer tables): tests/data/store_v7.sh PROGRAM. It was made
# once and is read for ever; what stands in it is told by tests/it/formats.rs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export FIELDTUNE_STORE=$PWD/store-v7.ftune FIELDTUNE_MODEL=fieldtune-128
"$1" teach good pictures/resize-larger.png --distinct
"$1" teach good pictures/exif-1.jpg --distinct
"$1" teach good pictures/resize-same.png --distinct
"$1" forget --example 3
"$1" store compact
rm "$FIELDTUNE_STORE.lock"
