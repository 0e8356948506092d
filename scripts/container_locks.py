"""Makes what `deploy/compose.locked.yaml` mounts: `container_locks.py FOLDER [NAME …]`. `make up WITH=locked` calls it.

A small CA and certificates (scripts/certificates.py: for trials, 30 days), a password for Valkey, and a folder for each
service with what it needs of these. The keys that sign tokens are added by `make token ARGS=--new-key`. What is there
already stays: put your own files in place of these.

Containers read as user 10001, so the files are readable to all; FOLDER itself only its owner may enter.
"""

from __future__ import annotations

import secrets
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import certificates

STORE = """\
# Valkey of deploy/compose.locked.yaml: in memory only.
# The only user may do what the ring does (docs/redis.md), and nothing to the server itself.
user default on >{password} ~session:* ~access:* resetchannels &parley:interrupts {rights}
save ""
appendonly no
maxmemory 512mb
maxmemory-policy noeviction
"""

RIGHTS = "-@all +@read +@write +@connection +@transaction +@scripting +@pubsub -@dangerous +time"


def make(folder: Path, names: list[str]) -> None:
    """Make what is missing; `names` are those by which clients call, besides localhost. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    made = folder / "certificates"
    if not (made / "ca.pem").exists():
        certificates.make(made, names)
    password = folder / "redis-password"
    if not password.exists():
        password.write_text(secrets.token_hex(16))
    for stage in certificates.STAGES:
        _put(made / f"{stage}.pem", folder / stage / "ring.pem")
        _put(made / f"{stage}.key", folder / stage / "ring.key")
        _put(made / "ca.pem", folder / stage / "ca.pem")
        _put(password, folder / stage / "redis-password")
    for kind in ("pem", "key"):
        _put(made / f"door.{kind}", folder / "ingress" / f"door.{kind}")
    store = folder / "valkey" / "valkey.conf"
    if not store.exists():
        _folder(store.parent)
        store.write_text(STORE.format(password=password.read_text(), rights=RIGHTS))
        store.chmod(0o644)


def _put(source: Path, target: Path) -> None:
    if not target.exists():
        _folder(target.parent)
        shutil.copyfile(source, target)
        target.chmod(0o644)


def _folder(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if shutil.which("openssl") is None:
        sys.exit("Certificates are made by the program openssl, and it is not on the PATH: install it.")
    make(Path(sys.argv[1]), sys.argv[2:])
