#!/bin/sh
# Runs lots of tests at the same time, because most of them wait for speech to be spoken; each lot's report comes when
# the lots before it have ended. Fails when any lot does.
#   scripts/side_by_side.sh COMMON_ARGS LOT LOT…      each LOT: arguments of pytest
set -u
cd "$(dirname "$0")/.."
common=$1
shift
folder=$(mktemp -d)
pids=
trap 'kill $pids 2>/dev/null; rm -rf "$folder"; exit 130' INT TERM
trap 'rm -rf "$folder"' EXIT
n=0
for lot in "$@"; do
  n=$((n + 1))
  # shellcheck disable=SC2086
  .venv/bin/python -m pytest $lot $common >"$folder/$n" 2>&1 &
  pids="$pids $!"
done
failed=0
n=0
for pid in $pids; do
  n=$((n + 1))
  wait "$pid" || failed=1
  cat "$folder/$n"
done
exit $failed
