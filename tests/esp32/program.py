"""The program: built by make, where there is a compiler."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from local.child import ROOT

PORT: Final = ROOT / "clients" / "esp32" / "port" / "posix"
PROGRAM: Final = PORT / os.environ.get("BUILD", "build") / "parley-device"
"""With BUILD=/tmp/checked CFLAGS='-g -O1 -fsanitize=address,undefined' the tests run one with sanitizers."""
_BUILDS_S: Final = 600


class BuildFault(Exception):
    """The program can't be built; the message is the compiler's."""


def obstacle() -> str:
    """Say what is missing here for building it; "" when nothing is."""
    compiler = os.environ.get("CC", "cc").split()[0]
    missing = [name for name in (compiler, "make") if shutil.which(name) is None]
    return f"building parley-device needs {' and '.join(missing)}" if missing else ""


@functools.cache
def build() -> Path:
    """Return the program, built from what stands there now. Raises BuildFault."""
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    with (PROGRAM.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests in several processes build one after the other
        made = subprocess.run(["make", "-C", str(PORT)], capture_output=True, text=True, timeout=_BUILDS_S, check=False)
    if made.returncode:
        raise BuildFault(f"make in {PORT.relative_to(ROOT)} failed:\n{made.stderr[-4000:]}")
    return PROGRAM
