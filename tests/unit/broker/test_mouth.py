"""The mouth: what goes to an egress that is new, and what does not."""

from __future__ import annotations

import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2 as wire
from services.broker import mouth
from services.broker.mouth import Mouth
from services.common.errors import LimitFault


def piece(position: int) -> egress.SpeakRequest:
    """A piece of a reply."""
    return egress.SpeakRequest(audio=audio.ReplyAudio(reply=1, position=position))


def words(text: str, who: client.Caption.Who.ValueType = client.Caption.WHO_USER) -> egress.SpeakRequest:
    """A caption."""
    return egress.SpeakRequest(caption=client.Caption(who=who, text=text))


CANCEL = egress.SpeakRequest(interrupt=session.Interrupt(seq=1))


async def sent(made: Mouth) -> list[str]:
    """End the stream; return the kinds of what was sent on it."""
    made.close(wire.StreamEnd())
    return [str(request.WhichOneof("message")) async for request in made.outbox]


async def test_a_verdict_overtakes_what_waits() -> None:
    """Everything else keeps its order."""
    made = Mouth(gives=True)
    made.say(piece(0))
    made.say(words("hello"))
    made.say(CANCEL)
    assert await sent(made) == ["interrupt", "audio", "caption", "end"]


async def test_nothing_goes_to_an_egress_of_which_nothing_is_known() -> None:
    """The core gives again what it has a copy of; the person's words wait here, the assistant's do not."""
    made = Mouth(gives=True)
    made.say(piece(0))
    made.shut()
    made.renew()
    for request in (piece(1), CANCEL, words("hello"), words("I", client.Caption.WHO_ASSISTANT)):
        made.say(request)
    made.open()
    made.say(piece(0))
    made.say_rest()
    assert await sent(made) == ["audio", "caption", "end"]


async def test_the_oldest_of_the_persons_words_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits has a bound."""
    monkeypatch.setattr(mouth, "_CAPTIONS", 2)
    made = Mouth(gives=False)
    for text in ("one", "two", "three"):
        made.say(words(text))
    made.open()
    made.say_rest()
    made.say_rest()
    made.close(wire.StreamEnd())
    assert [r.caption.text async for r in made.outbox if r.HasField("caption")] == ["two", "three"]


def test_what_was_played_waits_for_somebody_who_understands_it() -> None:
    """And is void when egress is another one by then."""
    made = Mouth(gives=False)
    made.hold(egress.Held(newest_reply=7))
    made.keep(egress.Played(reply=7, position=1))
    assert made.is_told.is_set()
    assert [played.position for played in made.kept()] == [1]
    assert made.kept() == []
    made.keep(egress.Played(reply=7, position=2))
    made.shut()
    assert made.kept() == []
    assert (made.held, made.is_told.is_set()) == (None, False)


def test_an_egress_that_does_not_read_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session ends rather than the memory."""
    monkeypatch.setattr(mouth, "MESSAGES", 2)
    made = Mouth(gives=True)
    made.say(piece(0))
    made.say(piece(1))
    with pytest.raises(LimitFault):
        made.say(piece(2))
