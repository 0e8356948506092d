#!/bin/sh
# Stand-ins for the public images where no registry can be reached: a Debian of the same release with its own Python, and
# Debian's Redis in Valkey's place. `base_image.sh ENGINE python IMAGE`, then `base_image.sh ENGINE valkey IMAGE BASE`.
# Needs root, debootstrap and a mirror of Debian. Python's layout is another than in the public image (/usr/bin instead
# of /usr/local/bin), the interpreter an older 3.11; nothing in deploy/Dockerfile depends on either.
set -eu
engine=$1 kind=$2 image=$3
made=$(mktemp -d "${TMPDIR:-/var/tmp}/parley-base.XXXXXX")
trap 'rm -rf "$made"' EXIT
if [ "$kind" = python ]; then
  debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv bookworm "$made/root" >"$made/log" 2>&1 || {
    tail -n 5 "$made/log" >&2
    exit 1
  }
  cd "$made/root"
  rm -rf var/cache/apt/archives/*.deb var/lib/apt/lists/* usr/share/doc usr/share/man
  tar --exclude './proc/*' --exclude './sys/*' --exclude './dev/*' --create . | "$engine" import - "$image" >/dev/null
else
  cat >"$made/Dockerfile" <<EOF
FROM $4
RUN apt-get update -qq && apt-get install -qq --no-install-recommends redis-server >/dev/null && \
    ln -s redis-server /usr/bin/valkey-server && ln -s redis-cli /usr/bin/valkey-cli && rm -rf /var/lib/apt/lists/*
EOF
  "$engine" build --quiet --tag "$image" "$made" >/dev/null
fi
