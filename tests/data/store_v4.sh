#!/usr/bin/env bash
# Makes store-v4.ftune, a store of format 4 (examples cut into pieces): tests/data/store_v4.sh PROGRAM. It was made once
# and is read for ever; what stands in it is told by tests/it/formats.rs. An example of photograph has 5 features of 456
# values, which are a piece and a rest; one of blocks has 11, two pieces and a rest; that of plain has one and no piece.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export FIELDTUNE_STORE=$PWD/store-v4.ftune FIELDTUNE_MODEL=built-in
"$1" teach photograph pictures/resize-{smaller,wide}.png --image-side 24
"$1" views usual,flipped,quarter-turns,scaled
"$1" teach blocks pictures/exif-{1,2}.jpg --image-side 24
"$1" views none
"$1" teach plain pictures/resize-same.png --image-side 24
"$1" save monday
"$1" forget --example 2
"$1" store compact
rm "$FIELDTUNE_STORE.lock"
