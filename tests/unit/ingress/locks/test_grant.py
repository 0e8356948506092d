"""A grant: for which agents and sessions, within which limits, and counted for whom."""

from __future__ import annotations

import pytest

from parley.v1 import audio_pb2 as audio
from services.common.errors import FormatFault
from services.ingress.limits import Limits
from services.ingress.locks.grant import EVERYBODY, FORMATS, Account, BadToken, Grant
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


def test_it_may_be_for_some_formats_only() -> None:
    """In either direction; what is not said is PCM16. Without the claim all are allowed."""
    pcm, opus, unknown = (
        audio.AudioFormat(encoding=number)  # type: ignore[arg-type]
        for number in (audio.AudioFormat.ENCODING_PCM16, audio.AudioFormat.ENCODING_OPUS, 99)
    )
    plain = granted(formats=frozenset({"pcm16", "mulaw"}))
    plain.check_formats(audio.AudioFormat(), pcm)
    GRANT.check_formats(opus, unknown)
    for chosen in ((opus, pcm), (pcm, opus), (unknown, pcm)):
        with pytest.raises(FormatFault, match="allows audio as mulaw, pcm16, not as"):
            plain.check_formats(*chosen)
    assert Grant.of(plain.claims("parley"), KEY).formats == plain.formats
    assert "formats" not in GRANT.claims("parley")
    for wrong in ("pcm16", ["flac"], [1], [["pcm16"]], [], None):
        with pytest.raises(BadToken, match="not valid here"):
            Grant.of({**plain.claims("parley"), "formats": wrong}, KEY)


def test_every_encoding_has_a_name_in_claims() -> None:
    """One that is added to the wires can be allowed by a token, too."""
    names = {name.removeprefix("ENCODING_").lower() for name in audio.AudioFormat.Encoding.DESCRIPTOR.values_by_name}
    assert names - {"unspecified"} == FORMATS


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
