#!/bin/sh
# Containers with Docker or podman, whichever works here: `containers.sh images|up|down|engine`. Through `make`.
#
#   images   builds the five images; SERVICES="vad broker" some of them
#   up       compose.yaml, with WITH="locked observability …" each deploy/compose.NAME.yaml besides; waits until it is ready
#   down     the same, stopped and removed
#   engine   says which program it is
#
# A private index or proxy of pip is taken from the environment (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_TRUSTED_HOST,
# PIP_PROXY, PIP_CERT) and given to the build as secrets, which no layer keeps. BUILD_ARGS goes to the build as it is, such as
# "--network host". CONTAINER_ENGINE=podman and COMPOSE="podman-compose" choose where several work.
set -eu
cd "$(dirname "$0")/.."
KEPT=run/containers

say() { echo "$*" >&2; }

engine() {
  for candidate in ${CONTAINER_ENGINE:-docker podman}; do
    if command -v "$candidate" >/dev/null && "$candidate" info >/dev/null 2>&1; then
      echo "$candidate"
      return
    fi
  done
  say "No container engine works here. Install Docker (docs.docker.com/engine/install) or podman (Debian: apt install podman)."
  exit 1
}

compose() {
  if [ -n "${COMPOSE:-}" ]; then
    echo "$COMPOSE"
  elif [ "$1" = docker ] && docker compose version >/dev/null 2>&1; then
    echo "docker compose"
  elif [ "$1" = podman ] && command -v podman-compose >/dev/null; then
    echo "podman-compose"
  elif [ "$1" = podman ] && podman compose version >/dev/null 2>&1; then
    echo "podman compose"
  elif [ "$1" = podman ] && "${PYTHON:-python3}" scripts/bootstrap.py .venv-compose lock/compose.txt >&2; then
    echo ".venv-compose/bin/podman-compose"
  else
    say "Compose is missing. Install Docker's compose plugin; for podman: pip install podman-compose."
    exit 1
  fi
}

pip_secrets() {
  umask 077
  : >"$1/pip.conf"
  {
    echo "[global]"
    [ -z "${PIP_INDEX_URL:-}" ] || echo "index-url = $PIP_INDEX_URL"
    [ -z "${PIP_EXTRA_INDEX_URL:-}" ] || echo "extra-index-url = $PIP_EXTRA_INDEX_URL"
    [ -z "${PIP_TRUSTED_HOST:-}" ] || echo "trusted-host = $PIP_TRUSTED_HOST"
    [ -z "${PIP_PROXY:-}" ] || echo "proxy = $PIP_PROXY"
    [ -z "${PIP_DEFAULT_TIMEOUT:-}" ] || echo "timeout = $PIP_DEFAULT_TIMEOUT"
  } >>"$1/pip.conf"
  if [ -n "${PIP_CERT:-}" ]; then cat "$PIP_CERT" >"$1/pip_ca"; else : >"$1/pip_ca"; fi
}

images() {
  run=$1
  secrets=$(mktemp -d)
  trap 'rm -rf "$secrets"' EXIT
  (pip_secrets "$secrets")
  revision=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
  set -- --file deploy/Dockerfile --label "org.opencontainers.image.revision=$revision" \
    --label "org.opencontainers.image.version=$version" \
    --secret "id=pip_conf,src=$secrets/pip.conf" --secret "id=pip_ca,src=$secrets/pip_ca"
  # OCI's own format has no health checks; podman makes it unless told otherwise.
  [ "$run" = docker ] || set -- --format docker "$@"
  for service in ${SERVICES:-ingress vad broker egress engine}; do
    echo "image parley-$service:${PARLEY_TAG:-latest}"
    # shellcheck disable=SC2086 # several arguments are wanted
    "$run" build --quiet "$@" ${BUILD_ARGS:-} --target "$service" --tag "parley-$service:${PARLEY_TAG:-latest}" . >/dev/null
  done
}

missing() {
  for service in ingress vad broker egress engine; do
    "$1" image inspect "parley-$service:${PARLEY_TAG:-latest}" >/dev/null 2>&1 || printf '%s ' "$service"
  done
}

files() {
  printf -- '-f compose.yaml'
  for name in ${WITH:-}; do
    if [ ! -f "deploy/compose.$name.yaml" ]; then
      say "There is no deploy/compose.$name.yaml; there are: $(cd deploy && echo compose.*.yaml)"
      exit 1
    fi
    printf -- ' -f deploy/compose.%s.yaml' "$name"
  done
}

secret() {
  mkdir -p "$KEPT"
  chmod 700 "$KEPT"
  [ -s "$KEPT/$1" ] || (umask 077 && od -An -tx1 -N16 /dev/urandom | tr -d ' \n' >"$KEPT/$1")
  cat "$KEPT/$1"
}

locks() {
  # Certificates, a password, and the first key of tokens: whatever is missing.
  folder=${PARLEY_LOCKS:-run/locks}
  "${PYTHON:-python3}" scripts/container_locks.py "$folder"
  [ -s "$folder/ingress/token-keys.jsonl" ] || make --no-print-directory token ARGS=--new-key "PARLEY_TOKEN_KEYS=$folder/ingress/token-keys.jsonl"
  chmod a+r "$folder/ingress/token-keys.jsonl"
  echo "Locks are in $folder. A conversation:"
  echo "  export PARLEY_TOKEN_KEYS=$folder/ingress/token-keys.jsonl"
  echo "  PARLEY_TOKEN=\$(make -s token) make talk ARGS='--tls --ca $folder/certificates/ca.pem'"
}

wait_until_ready() {
  # podman asks by timers of systemd, which is not everywhere: so each is asked here, too.
  for service in $2; do
    for _ in $(seq 120); do
      id=$("$1" ps --quiet --filter "label=com.docker.compose.project=${COMPOSE_PROJECT_NAME:-parley}" \
        --filter "label=com.docker.compose.service=$service" | head -n 1)
      if [ -n "$id" ] && "$1" exec "$id" python -m services.common.health_check >/dev/null 2>&1; then
        echo "ready $service"
        continue 2
      fi
      sleep 1
    done
    say "$service does not become ready. Its last words:"
    [ -z "${id:-}" ] || "$1" logs --tail 20 "$id" >&2
    exit 1
  done
}

PARLEY_ENGINE_KEY=${PARLEY_ENGINE_KEY:-}
case "${1:-}" in
engine) engine ;;
images) run=$(engine) && images "$run" ;;
up | down)
  run=$(engine)
  program=$(compose "$run")
  given=$(files)
  export PARLEY_ENGINE_KEY="${PARLEY_ENGINE_KEY:-$(secret engine.key)}"
  if [ "$1" = down ]; then
    # shellcheck disable=SC2086
    $program $given down --remove-orphans
    exit
  fi
  wanted=$(missing "$run")
  if [ -n "$wanted" ]; then (SERVICES=$wanted && images "$run"); fi
  case " ${WITH:-} " in *" locked "*) locks ;; esac
  # shellcheck disable=SC2086
  $program $given up --detach --no-build
  wait_until_ready "$run" "engine egress broker vad ingress"
  echo "The ring takes calls at 127.0.0.1:${PARLEY_PORT:-7700} (gRPC) and ws://127.0.0.1:${PARLEY_WS_PORT:-7780}: make talk"
  ;;
*)
  say "containers.sh images|up|down|engine"
  exit 2
  ;;
esac
