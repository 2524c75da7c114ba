#!/usr/bin/env bash
# Makes store-v5.ftune, a store of format 5 (images cut into pieces, too): tests/data/store_v5.sh PROGRAM. It was made
# once and is read for ever; what stands in it is told by tests/it/formats.rs. Both images are a piece and a
# rest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export FIELDTUNE_STORE=$PWD/store-v5.ftune FIELDTUNE_MODEL=built-in
"$1" teach photograph pictures/resize-larger.png
"$1" teach plain pictures/resize-same.png
"$1" store compact
rm "$FIELDTUNE_STORE.lock"
