"""A grant: for which agents and sessions, within which limits, and counted for whom."""

from __future__ import annotations

import pytest

from services.ingress.limits import Limits
from services.ingress.locks.grant import EVERYBODY, Account, BadToken
from services.ingress.locks.keys import SigningKey
from tests.unit.ingress.locks.makings import GRANT, KEY, granted


def test_it_is_for_its_agents_alone() -> None:
    """The one without a name is `default`; a star is all."""
    GRANT.check_agent("")
    GRANT.check_agent("default")
    granted(agents=frozenset({"*"})).check_agent("tutor")
    for other in ("tutor", "*", "DEFAULT"):
        with pytest.raises(BadToken, match="does not allow the agent"):
            GRANT.check_agent(other)


def test_a_key_bounds_what_its_tokens_may() -> None:
    """Who has a key for the tutor can make no token for the clerk."""
    tutors = SigningKey("k2", KEY.secret, agents=frozenset({"tutor"}))
    with pytest.raises(BadToken):
        granted(agents=frozenset({"*"}), key=tutors).check_agent("clerk")
    granted(agents=frozenset({"*"}), key=tutors).check_agent("tutor")


def test_one_for_a_session_resumes_that_and_begins_none() -> None:
    """The session's name stands before the dot of a resume token."""
    bound = granted(session="a" * 32)
    bound.check_session(f"{'a' * 32}.secret")
    for other in ("", f"{'b' * 32}.secret", f"{'a' * 31}.secret"):
        with pytest.raises(BadToken, match="for another session"):
            bound.check_session(other)
    GRANT.check_session("")


def test_the_lower_limit_holds() -> None:
    """The token's or everybody's; 0 of a session's length is none."""
    limits = Limits(max_session_s=600, max_messages_per_s=100)
    assert granted(max_session_s=60, max_messages_per_s=200).within(limits) == Limits(
        max_session_s=60, max_messages_per_s=100
    )
    assert GRANT.within(Limits()) == Limits()
    assert granted(max_session_s=60).within(Limits()).max_session_s == 60
    assert EVERYBODY.within(limits) == limits


def test_it_is_counted_for_its_holder_and_its_key() -> None:
    """Where either has a limit; everybody's is counted for nobody."""
    key = SigningKey("k2", KEY.secret, max_sessions=100)
    assert granted(key=key, minutes_per_day=30).accounts == (Account("k2/anna", 0, 30), Account("k2", 100, 0))
    assert (GRANT.accounts, EVERYBODY.accounts, EVERYBODY.names) == ((), (), ())
