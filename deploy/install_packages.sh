#!/bin/sh
# Runs a pip command inside an image's build: what a private index needs comes from secrets, which no layer keeps.
#   install_packages.sh install LOCK   installs what a lock file pins into /opt/parley, by hash, and compiles it
#   install_packages.sh models         fetches the speech models into /models, by hash
set -eu
if [ -s /run/secrets/pip_conf ]; then export PIP_CONFIG_FILE=/run/secrets/pip_conf; fi
if [ -s /run/secrets/pip_ca ]; then export PIP_CERT=/run/secrets/pip_ca; fi
export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore

case "$1" in
install)
  python3 -m venv --without-pip /opt/parley
  /tools/bin/python -m pip --python /opt/parley/bin/python install --quiet --require-hashes --no-deps \
    --only-binary :all: --no-compile --requirement "$2"
  cd /opt/parley
  # What a wheel carries for its developers: tests, headers, C sources, and onnxruntime's tools for training.
  find lib -type d \( -name tests -o -path '*/numpy/_core/include' -o -path '*/onnxruntime/transformers' \
    -o -path '*/onnxruntime/quantization' -o -path '*/onnxruntime/tools' \) -prune -exec rm -rf {} +
  find lib -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' -o -name '*.h' -o -name '*.lib' \) -delete
  # Checked by nobody at run time: the file system is read-only, and so a build gives the same bytes each time.
  /opt/parley/bin/python -m compileall -q -j 1 --invalidation-mode unchecked-hash lib
  ;;
models)
  mkdir -p /models
  PARLEY_MODELS=/models /tools/bin/python scripts/fetch_models.py
  rm -f /models/.lock
  ;;
*)
  echo "install_packages.sh: there is no $1" >&2
  exit 2
  ;;
esac
