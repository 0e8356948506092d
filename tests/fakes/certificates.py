"""Certificates of a moment, in files as a service reads them."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


class Authority:
    """A CA that writes into a folder: ca.pem, and NAME.pem with NAME.key for each name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        _write(self.ca_file, self.ca.cert_pem.bytes())

    def issue(self, name: str, *names: str, days: float = 1.0, into: Path | None = None) -> tuple[Path, Path]:
        """Write a certificate for `names` (else for `name`), good for so many days, and its key; return both files."""
        now = datetime.now(UTC)
        leaf = self.ca.issue_cert(
            *(names or (name,)), not_before=now - timedelta(days=10), not_after=now + timedelta(days=days)
        )
        cert, key = (into or self.folder) / f"{name}.pem", (into or self.folder) / f"{name}.key"
        _write(key, leaf.private_key_pem.bytes())
        _write(cert, b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        return cert, key

    def ring(self, name: str) -> dict[str, str]:
        """Return the variables of a stage of the ring."""
        cert, key = self.issue(name)
        return {"PARLEY_RING_CERT": str(cert), "PARLEY_RING_KEY": str(key), "PARLEY_RING_CA": str(self.ca_file)}

    def doors(self, *names: str) -> dict[str, str]:
        """Return the variables of the doors."""
        cert, key = self.issue("door", *names)
        return {"PARLEY_TLS_CERT": str(cert), "PARLEY_TLS_KEY": str(key)}


def _write(path: Path, content: bytes) -> None:
    """Put it there at once, as those do who renew certificates."""
    fresh = path.with_suffix(path.suffix + ".new")
    fresh.write_bytes(content)
    os.replace(fresh, path)
