"""Resumption: the token by which a client that lost its connection comes back to its session, at any ingress."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

from parley.v1 import session_pb2
from services.common.errors import ResumeFault
from services.common.store import Store

SLACK_S: Final = 5.0
"""What a client may be late: it counts from when it found its connection broken, we from its ingress's last sign."""

_SECRET_BYTES: Final = 32
_TOKEN: Final = re.compile(r"([0-9a-f]{32})\.([0-9A-Za-z_-]{43})")
_UNKNOWN: Final = "that session can't be resumed: it is over, or was never here; open a new one without `resume`."


@dataclass(frozen=True)
class Token:
    """`{session}.{secret}`. The secret is the client's alone: the record keeps its hash."""

    session: str
    secret: str
    holder: str = ""
    """Whose session it is, where callers have to say who they are: nobody else resumes it, whatever they show."""

    @classmethod
    def mint(cls, session: str, holder: str = "") -> Token:
        """Make a token nobody can guess."""
        return cls(session, secrets.token_urlsafe(_SECRET_BYTES), holder)

    @classmethod
    def read(cls, shown: str, holder: str = "") -> Token:
        """Read what a client shows. Raises ResumeFault for what no server ever gave out."""
        if (match := _TOKEN.fullmatch(shown)) is None:
            raise ResumeFault(_UNKNOWN)
        return cls(match[1], match[2], holder)

    def __str__(self) -> str:
        return f"{self.session}.{self.secret}"

    @property
    def hash(self) -> str:
        """What the record keeps."""
        whose = f"\n{self.holder}" if self.holder else ""
        return hashlib.sha256((self.secret + whose).encode()).hexdigest()


@dataclass(frozen=True)
class Elsewhere:
    """What is known of a session that has begun under another connection, here or at another ingress."""

    seq: int = 0
    floor: int = 0
    """The last cancel that was carried out, and the highest reply that is dead."""
    mic_shift: int = 0
    """How far the ring's microphone clock is ahead of the client's."""
    age_s: float = 0.0
    backlog_ms: float = 0.0
    """How much its client may have kept of its microphone, and sends at once."""


async def resumable(
    store: Store, shown: str, resume_s: float, holder: str = ""
) -> tuple[Token, session_pb2.SessionRecord]:
    """Return the token that a client shows, and the record of the session that it opens.

    Raises:
        ResumeFault: there is none, the secret or holder is another, it is over, or was left alone too long. Which of
            these, a client is not told: it would learn which sessions there are.
        StoreLost: Redis can't be reached.
    """
    if resume_s <= 0:
        raise ResumeFault("this server keeps no session whose connection broke; open a new one without `resume`.")
    token = Token.read(shown, holder)
    record = await store.read_record(token.session)
    known_hash = record.resume_hash if record is not None else ""
    is_right = hmac.compare_digest(token.hash.encode(), known_hash.encode())
    left_alone_s = await store.unrenewed_s(token.session)
    if record is None or not is_right or left_alone_s is None or left_alone_s > resume_s + SLACK_S:
        raise ResumeFault(_UNKNOWN)
    return token, record
