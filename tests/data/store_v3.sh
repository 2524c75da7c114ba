#!/usr/bin/env bash
# Makes store-v3.ftune, a store of format 3 (groups, views, images), and pack-v2.ftune, what `store export` writes of it:
# tests/data/store_v3.sh PROGRAM. They were made once and are read for ever; what stands in them is told by
# tests/it/formats.rs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export FIELDTUNE_STORE=$PWD/store-v3.ftune FIELDTUNE_MODEL=tiny.toml
"$1" teach blocks pictures/exif-{1,2}.jpg --image-side 24
"$1" teach photograph pictures/resize-{smaller,wide}.png --image-side 24
"$1" save monday
"$1" threshold --false-reject 5%
"$1" forget --example 4
"$1" store compact
"$1" store export pack-v2.ftune
rm "$FIELDTUNE_STORE.lock"
