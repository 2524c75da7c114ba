#!/usr/bin/env bash
# Makes store-v7.ftune, a store of format 7 (patches a byte a value, fewer tables), and pack-v3.ftune, a pack of version 3 (with
# patches): tests/data/store_v7.sh PROGRAM. They were made once and are read for ever; what stands in them is told by
# tests/it/formats.rs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export FIELDTUNE_STORE=$PWD/store-v7.ftune FIELDTUNE_MODEL=fieldtune-128
"$1" teach good pictures/resize-larger.png --distinct
"$1" teach good pictures/exif-1.jpg --distinct
"$1" teach good pictures/resize-same.png --distinct
"$1" forget --example 3
"$1" store compact
"$1" store export pack-v3.ftune --no-images
rm "$FIELDTUNE_STORE.lock"
