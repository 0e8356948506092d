#!/bin/sh
# Generates protos/gen from protos/parley, formatting and linting the sources first; `--check` changes nothing and
# fails when what is committed differs from what the sources say.
set -eu
cd "$(dirname "$0")/.."
bin=.venv-protos/bin
out=protos/gen
if [ "${1:-}" = --check ]; then
  "$bin/buf" format --exit-code --diff protos >/dev/null || { echo "protos: run 'make protos' (format)"; exit 1; }
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
else
  "$bin/buf" format --write protos
  rm -rf "$out" && mkdir -p "$out"
fi
"$bin/buf" lint protos
# shellcheck disable=SC2046
"$bin/python" -m grpc_tools.protoc -I protos --plugin=protoc-gen-mypy="$bin/protoc-gen-mypy" \
  --plugin=protoc-gen-mypy_grpc="$bin/protoc-gen-mypy_grpc" --python_out="$out" --grpc_python_out="$out" \
  --mypy_out=quiet:"$out" --mypy_grpc_out=quiet:"$out" $(cd protos && ls parley/v1/*.proto)
touch "$out/parley/__init__.py" "$out/parley/v1/__init__.py"
if [ "${1:-}" = --check ]; then
  diff -r -x __pycache__ protos/gen "$out" >/dev/null || { echo "protos: generated code has drifted: run 'make protos'"; exit 1; }
  echo "protos: format, lint and generated code agree"
fi
