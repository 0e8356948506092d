"""What `deploy/compose.locked.yaml` mounts, made for one test as `make up WITH=locked` makes it; and tokens."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.containers.engine import ROOT


class Locks:
    """A folder of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = folder / "certificates" / "ca.pem"
        self._keys = folder / "ingress" / "token-keys.jsonl"
        subprocess.run([sys.executable, "scripts/container_locks.py", str(folder)], cwd=ROOT, check=True)
        self._token("--new-key")
        self._keys.chmod(0o644)

    def token(self) -> str:
        """Return a token for a quarter of an hour, as `make token` makes it."""
        return self._token()

    def _token(self, *arguments: str) -> str:
        env = {**os.environ, "PARLEY_TOKEN_KEYS": str(self._keys), "PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}"}
        command = [sys.executable, "-m", "services.ingress.locks", *arguments]
        done = subprocess.run(command, env=env, cwd=ROOT, text=True, capture_output=True, check=True)
        return done.stdout.strip()
