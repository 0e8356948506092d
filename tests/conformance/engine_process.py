"""The engine as it is run in life: a process of its own, with nothing about it changed for the tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_START_S = 30.0
_STOP_S = 10.0


@contextmanager
def running_engine(log: Path, **settings: str) -> Iterator[str]:
    """Start an engine on a free port, log to a file, and give its WebSocket address; stop it at the end."""
    environment = {**os.environ, "PARLEY_ENGINE_PORT": "0", **settings}
    with log.open("w") as output:
        process = subprocess.Popen([sys.executable, "-m", "services.engine"], cwd=ROOT, env=environment, stderr=output)
    try:
        yield _address(process, log)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    until_s = time.monotonic() + _START_S
    while time.monotonic() < until_s and process.poll() is None:
        if match := re.search(r"engine listening on (ws://\S+)", log.read_text()):
            return match[1]
        time.sleep(0.05)
    raise AssertionError(f"the engine did not start:\n{log.read_text()}")
