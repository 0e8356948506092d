#!/bin/sh
# Re-resolves every lock file: hashes, no index or host names, good for every platform Parley runs on.
# Needs `uv` (pip install uv). Run it through `make lock`.
set -eu
cd "$(dirname "$0")/.."
compile() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-annotate --custom-compile-command "make lock" "$@"; }
compile pyproject.toml --extra dev -o lock/dev.txt
for extra in ingress vad broker egress engine desktop local live pyaudio; do
  compile pyproject.toml --extra $extra -c lock/dev.txt -o lock/$extra.txt
done
compile --no-deps lock/models.in -o lock/models.txt
compile lock/protos.in -o lock/protos.txt
compile lock/sdk.in -o lock/sdk.txt
compile lock/k8s.in -o lock/k8s.txt
compile lock/web.in -o lock/web.txt
compile lock/fuzz.in -o lock/fuzz.txt
compile lock/compose.in -o lock/compose.txt
