"""What `deploy/compose.locked.yaml` wants in PARLEY_LOCKS, for one test: certificates, a password, keys."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.containers.engine import ROOT
from tests.fakes.certificates import Authority

STAGES: Final = ("ingress", "vad", "broker", "egress")


class Locks:
    """A folder of them. The ring has one authority, the door another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ring, door = (Authority(_new(folder / name)) for name in ("ring-ca", "door-ca"))
        self.ca = door.ca_file
        password = secrets.token_hex(16)
        for stage in STAGES:
            here = _new(folder / stage)
            for written, name in zip(ring.issue(stage), ("ring.pem", "ring.key"), strict=True):
                written.rename(here / name)
            (here / "ca.pem").write_bytes(ring.ca_file.read_bytes())
            (here / "redis-password").write_text(password)
        for written, name in zip(door.issue("door", "localhost", "127.0.0.1"), ("door.pem", "door.key"), strict=True):
            written.rename(folder / "ingress" / name)
        conf = _new(folder / "valkey") / "valkey.conf"
        conf.write_text(f'requirepass {password}\nsave ""\nappendonly no\nmaxmemory 256mb\n')
        self._keys = folder / "ingress" / "token-keys.jsonl"
        self._token("--new-key")
        folder.chmod(0o700)
        for path in folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)

    def token(self, agent: str = "default") -> str:
        """Return a token for a quarter of an hour, as `make token` makes it."""
        return self._token("--agent", agent)

    def _token(self, *arguments: str) -> str:
        env = {**os.environ, "PARLEY_TOKEN_KEYS": str(self._keys), "PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}"}
        command = [sys.executable, "-m", "services.ingress.locks", *arguments]
        done = subprocess.run(command, env=env, cwd=ROOT, text=True, capture_output=True, check=True)
        return done.stdout.strip()


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
