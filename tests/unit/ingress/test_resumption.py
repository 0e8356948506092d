"""Resumption: who has the token may come back, in time, and nobody learns which sessions there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from parley.v1 import session_pb2
from services.common.errors import ResumeFault
from services.common.store import Store
from services.ingress.resumption import SLACK_S, Token, resumable

NAME = "0123456789abcdef" * 2
RESUME_S = 30.0


@dataclass
class Records:
    """A store of one session."""

    token: Token
    left_alone_s: float | None = 1.0
    asked: list[str] = field(default_factory=list)

    async def read_record(self, session: str) -> session_pb2.SessionRecord | None:
        """Return its record."""
        self.asked.append(session)
        if session != self.token.session:
            return None
        return session_pb2.SessionRecord(session=session, agent="tutor", resume_hash=self.token.hash)

    async def unrenewed_s(self, session: str) -> float | None:
        """Return how long ago its lease was renewed."""
        return self.left_alone_s if session == self.token.session else None


async def agent(records: Records, shown: str, resume_s: float = RESUME_S) -> str:
    """Resume; return the agent of the record."""
    token, record = await resumable(cast(Store, records), shown, resume_s)
    assert token == records.token
    return record.agent


def test_tokens_are_read_as_they_were_written() -> None:
    """No two are the same, and the record's hash does not give the secret away."""
    tokens = [Token.mint(NAME) for _ in range(100)]
    assert len({token.secret for token in tokens}) == len({token.hash for token in tokens}) == 100
    for token in tokens:
        assert Token.read(str(token)) == token
        assert token.secret not in token.hash


@pytest.mark.parametrize("left_alone_s", [0.0, 1.0, RESUME_S, RESUME_S + SLACK_S])
async def test_who_comes_in_time_is_let_in(left_alone_s: float) -> None:
    """Counted from the last sign of the ingress that held the session, with some tolerance."""
    token = Token.mint(NAME)
    assert await agent(Records(token, left_alone_s), str(token)) == "tutor"


@pytest.mark.parametrize("left_alone_s", [RESUME_S + SLACK_S + 0.1, 80_000.0, None])
async def test_who_comes_too_late_is_not(left_alone_s: float | None) -> None:
    """The ring has given the session up, or the session is over."""
    token = Token.mint(NAME)
    with pytest.raises(ResumeFault, match="open a new one without `resume`"):
        await agent(Records(token, left_alone_s), str(token))


@pytest.mark.parametrize(
    "shown",
    ["", "x", NAME, f"{NAME}.", f"{NAME}.short", f"{NAME.upper()}.{'a' * 43}", f"{NAME}.{'a' * 43}\n", "é" * 76],
)
async def test_what_is_no_token_is_refused_without_asking(shown: str) -> None:
    """Redis is not bothered."""
    records = Records(Token.mint(NAME))
    with pytest.raises(ResumeFault):
        await agent(records, shown)
    assert records.asked == []


async def test_another_secret_or_session_is_refused_in_the_same_words() -> None:
    """And so is a record from before there were tokens."""
    token = Token.mint(NAME)
    words = set()
    records = Records(token)
    for shown in (Token.mint(NAME), Token.mint("f" * 32)):
        with pytest.raises(ResumeFault) as refused:
            await agent(records, str(shown))
        words.add(refused.value.message)
    assert len(words) == 1


async def test_where_nothing_waits_nothing_is_resumed() -> None:
    """Whatever is shown; and that is said."""
    token = Token.mint(NAME)
    records = Records(token)
    with pytest.raises(ResumeFault, match="keeps no session"):
        await agent(records, str(token), 0)
    assert records.asked == []
