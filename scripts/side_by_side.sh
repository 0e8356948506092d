#!/bin/sh
# Runs lots of tests at the same time, because most of them wait for speech to be spoken; each lot's report comes when
# the lots before it have ended. A few tests that failed are run once more, by themselves, and named: beside two other
# lots a machine of two cores may have been too late for a conversation. Fails when any fails again, or many do.
#   scripts/side_by_side.sh COMMON_ARGS LOT LOT…      each LOT: arguments of pytest
set -u
cd "$(dirname "$0")/.."
common=$1
shift
MOST_AGAIN=5
folder=$(mktemp -d)
pids=
trap 'kill $pids 2>/dev/null; rm -rf "$folder"; exit 130' INT TERM
trap 'rm -rf "$folder"' EXIT

lot() { # NUMBER ARGS OF PYTEST
  number=$1
  shift
  # A temporary folder of its own, too: pytest tidies up those of earlier runs, and lots would trip over each other.
  # shellcheck disable=SC2086
  exec .venv/bin/python -m pytest -o cache_dir="$folder/cache$number" --basetemp="$folder/tmp$number" "$@" $common
}

n=0
for tests in "$@"; do
  n=$((n + 1))
  # shellcheck disable=SC2086
  lot $n $tests >"$folder/$n" 2>&1 &
  pids="$pids $!"
done
failed=0
again=
n=0
for pid in $pids; do
  n=$((n + 1))
  wait "$pid"
  code=$?
  cat "$folder/$n"
  names="$folder/cache$n/v/cache/lastfailed"
  if [ $code -eq 1 ] && [ -f "$names" ] && [ "$(grep -c '": true' "$names")" -le $MOST_AGAIN ]; then
    again="$again $n"
  elif [ $code -ne 0 ]; then
    failed=1
  fi
done
for n in $again; do
  echo "Failed beside the other lots, and tried again by themselves:"
  sed -n 's/^ *"\(.*\)": true.*/  \1/p' "$folder/cache$n/v/cache/lastfailed"
  eval "tests=\${$n}"
  # shellcheck disable=SC2086
  (lot "$n" $tests --last-failed) || failed=1
done
exit $failed
