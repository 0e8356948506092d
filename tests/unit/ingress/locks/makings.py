"""What the tests of locks are made of: a moment, a key, a grant, and forgeries."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any, Final

from services.ingress.locks.grant import Grant
from services.ingress.locks.keys import Keys, SigningKey

NOW_S: Final = 1_795_000_000
KEY: Final = SigningKey("k1", bytes(range(32)))
KEYS: Final = Keys({KEY.id: KEY})
GRANT: Final = Grant(
    id="anna.1", holder="anna", agents=frozenset({"default"}), issued_s=NOW_S, expires_s=NOW_S + 900, key=KEY
)


def granted(**changes: Any) -> Grant:
    """Return a grant that differs from the usual one."""
    return replace(GRANT, **changes)


def segment(what: Any) -> str:
    """Return bytes, or what becomes JSON, as a token has it."""
    raw = what if isinstance(what, bytes) else json.dumps(what).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(header: Any, claims: Any, secret: bytes = KEY.secret, digest: str = "sha256") -> str:
    """Return a token made by hand, signed as one likes."""
    body = f"{segment(header)}.{segment(claims)}"
    return f"{body}.{segment(hmac.new(secret, body.encode(), getattr(hashlib, digest)).digest())}"
