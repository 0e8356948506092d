"""A session that outlives its streams: what either side is told when an ingress or a broker goes, and another comes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2
from parley.v1 import vad_service_pb2 as wire
from services.common.boundary import InternalFault
from services.common.errors import FullFault, ParleyError, PeerLost, ProtocolFault, RemoteFault, Superseded
from services.vad.hearing import Ear
from services.vad.judge import Judge as TurnJudge
from services.vad.parting import BrokerFailed, Draining, NobodyCameBack
from services.vad.session import Listening
from services.vad.turn_taking import TurnTaking
from tests.unit.vad.takeover_world import Later, OpenEar, Opinion, Voice, sent
from tests.unit.vad.test_turn_taking import ScriptedListener

End = stream_pb2.StreamEnd
MS = 16
BREAKS: list[tuple[ParleyError | None, int, int, str]] = [
    (None, End.REASON_DONE, End.REASON_DONE, ""),
    (NobodyCameBack(), End.REASON_DONE, End.REASON_DONE, ""),
    (Superseded("another"), End.REASON_SUPERSEDED, End.REASON_SUPERSEDED, ""),
    (Draining(), End.REASON_DRAINING, End.REASON_SUPERSEDED, ""),
    (PeerLost("broker", "gone"), End.REASON_DRAINING, End.REASON_SUPERSEDED, "peer_lost"),
    (ProtocolFault("bad"), End.REASON_FAILED, End.REASON_FAILED, "error"),
    (RemoteFault(stream_pb2.Error(code=stream_pb2.Error.CODE_MODEL)), End.REASON_FAILED, End.REASON_FAILED, "error"),
    (BrokerFailed("why"), End.REASON_FAILED, End.REASON_FAILED, ""),
    (InternalFault("ours"), End.REASON_DRAINING, End.REASON_SUPERSEDED, "error"),
]
"""What ends a session here; the last word to ingress, and to the broker; and what ingress is told before."""


class Session:
    """One session, and what its streams carry."""

    def __init__(self, *, resumes: bool = False, seq: int = 0, ready: bool = True) -> None:
        self.core = TurnTaking("s", 1, Voice(), ScriptedListener())
        self.soon: deque[Callable[[], None]] = deque()
        self.listening = Listening(
            self.core,
            cast("Ear", OpenEar()),
            cast("TurnJudge", Opinion(0.9)),
            lambda _: None,
            cast("asyncio.TaskGroup", Later()),
            resumes=resumes,
            seq=seq,
            clock=lambda: 0.0,
            soon=self.soon.append,
        )
        if ready:
            self.learns(ready=stream_pb2.StreamReady())
            self.to_ingress()

    def hears(self, **message: Any) -> None:
        """Ingress says something."""
        self.listening.from_ingress(wire.ListenRequest(**message))

    def learns(self, **message: Any) -> None:
        """The broker says something."""
        self.listening.from_broker(broker.RespondResponse(**message))

    def sound(self, since_ms: int, ms: int) -> None:
        """A quiet microphone sends frames."""
        for at_ms in range(since_ms, since_ms + ms, 20):
            self.hears(audio=audio.AudioFrame(mic_offset=at_ms * MS, pcm=bytes(640)))
        while self.soon:
            self.soon.popleft()()

    def adopt(self, lease: int = 2, seq: int = 0) -> list[wire.ListenResponse]:
        """Another ingress comes; return what it is told at once."""
        self.listening.adopt(stream_pb2.StreamOpen(session="s", lease=lease, resumes=True, seq=seq))
        return self.to_ingress()

    def to_ingress(self) -> list[wire.ListenResponse]:
        """Return what ingress was told since."""
        return sent(self.listening.to_ingress)

    def to_broker(self) -> list[broker.RespondRequest]:
        """Return what the broker was told since."""
        return sent(self.listening.to_broker)


def kinds(messages: list[Any]) -> list[str]:
    """Return what they carry."""
    return [message.WhichOneof("message") for message in messages]


def test_another_ingress_sends_from_where_the_last_one_stopped() -> None:
    """It is told so first; then what is going on; and the broker, whose the session is now."""
    call = Session()
    call.sound(0, 700)
    call.listening.leave()
    ready, state = call.adopt(lease=5)
    assert ready.ready.hear_from == 700 * MS
    assert state.state.state == session.CONVERSATION_STATE_IDLE
    assert [request.open.lease for request in call.to_broker()] == [5]


def test_sound_that_comes_again_is_skipped_and_what_is_missing_was_silence() -> None:
    """The client sends a little too much, or has lost some."""
    for since_ms in (500, 700, 1_000):
        call = Session()
        call.sound(0, 700)
        call.adopt()
        call.sound(since_ms, 1_000)
        assert call.core.now == (since_ms + 1_000) * MS


def test_the_stream_before_ends_as_superseded() -> None:
    """Whoever reads it yet learns why nothing more comes."""
    call = Session()
    before = call.listening.to_ingress
    call.adopt()
    assert [message.end.reason for message in sent(before)] == [End.REASON_SUPERSEDED]
    assert not call.listening.is_over


def test_what_lasts_waits_for_the_next_ingress_and_what_passes_does_not() -> None:
    """A hangup, a notice, a lost egress are as true for it; where a reply was lowered is not."""
    call = Session()
    call.listening.leave()
    call.learns(hangup=stream_pb2.Hangup(words="Bye."))
    call.learns(notice=client.Notice(message="It is back in a moment."))
    call.learns(peer_lost=stream_pb2.PeerLost(stage="egress"))
    call.learns(progress=broker.TurnProgress(turn=1))
    assert kinds(call.adopt()) == ["ready", "hangup", "notice", "peer_lost", "state"]
    call.listening.leave()
    assert kinds(call.adopt(lease=3)) == ["ready", "state"]


def test_nobody_is_told_of_readiness_before_the_broker_is() -> None:
    """An ingress that comes while the broker is still being asked waits like the one before."""
    call = Session(ready=False)
    call.listening.leave()
    assert call.adopt() == []
    call.learns(ready=stream_pb2.StreamReady())
    assert kinds(call.to_ingress()) == ["ready"]


def test_who_resumes_asks_for_the_sound_that_is_not_decided() -> None:
    """And takes none before the broker has said which; keys and words that come meanwhile are not lost."""
    call = Session(resumes=True, seq=50, ready=False)
    call.sound(0, 100)
    call.hears(mute=client.Mute(muted=True))
    assert call.core.now == 0
    past = stream_pb2.Past(turn=3, decided_offset=10_000 * MS, seq=20)
    call.learns(ready=stream_pb2.StreamReady(past=past))
    (ready,) = call.to_ingress()
    assert ready.ready.hear_from == 8_000 * MS
    assert call.core.now == 8_000 * MS
    call.sound(8_000, 100)
    assert call.core.now == 8_100 * MS
    assert call.core._muted


def test_a_cancel_that_was_not_settled_goes_to_the_broker_first() -> None:
    """Directly after it is ready, as it is, before anything that comes of what is heard again."""
    call = Session(resumes=True, ready=False)
    cancel = session.Interrupt(session="s", seq=9, kind=session.Interrupt.KIND_CANCEL)
    call.hears(unsettled=cancel)
    call.hears(say=client.Say(text="hello", id="n"))
    assert call.to_broker() == []
    call.learns(ready=stream_pb2.StreamReady())
    while call.soon:
        call.soon.popleft()()
    interrupt, typed = call.to_broker()
    assert interrupt.interrupt == cancel
    assert typed.typed.id == "n"
    call.hears(interrupt=client.ConverseRequest.Interrupt())
    assert call.to_broker()[0].interrupt.seq > 9


def test_another_egress_is_told_to_the_broker_and_a_lost_one_to_ingress() -> None:
    """The session goes on meanwhile; any other loss of the broker's ends it."""
    call = Session()
    reroute = stream_pb2.Reroute(dial=2, route=stream_pb2.Route(egress="there"))
    call.hears(reroute=reroute)
    assert [request.reroute for request in call.to_broker()] == [reroute]
    call.learns(peer_lost=stream_pb2.PeerLost(stage="egress", detail="gone"))
    assert [message.peer_lost.stage for message in call.to_ingress()] == ["egress"]
    with pytest.raises(PeerLost):
        call.learns(peer_lost=stream_pb2.PeerLost(stage="model", detail="gone"))


def test_what_was_typed_or_announced_and_is_sent_again_is_taken_once() -> None:
    """By its name; what has none is always news."""
    call = Session()
    for _ in range(2):
        call.hears(say=client.Say(text="hello", id="n"))
        call.hears(announcement=session.Announcement(id="a", text="Dinner."))
    assert kinds(call.to_broker()) == ["typed"]
    call.hears(say=client.Say(text="hello"))
    call.hears(say=client.Say(text="hello"))
    assert kinds(call.to_broker()).count("typed") == 2


def test_how_far_the_microphone_was_received_is_told_each_second() -> None:
    """Even while nothing may be let go."""
    call = Session()
    call.hears(say=client.Say(text="hello", id="n"))
    call.sound(0, 5_000)
    heard = [message.heard for message in call.to_ingress() if message.HasField("heard")]
    assert {each.mic_offset for each in heard} == {0}
    assert [each.received_offset // (1_000 * MS) for each in heard] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("fault", "to_ingress", "to_broker", "before"), BREAKS)
def test_how_it_ends_is_told_on_both_sides(
    fault: ParleyError | None, to_ingress: int, to_broker: int, before: str
) -> None:
    """Over all along the ring, or only here: with another ingress, vad or broker it goes on. And it ends once."""
    call = Session()
    call.listening.close(fault)
    call.listening.close(ProtocolFault("later"))
    told, passed_on = call.to_ingress(), call.to_broker()
    assert kinds(told) == ([before, "end"] if before else ["end"])
    assert (told[-1].end.reason, passed_on[-1].end.reason) == (to_ingress, to_broker)
    assert call.listening.is_over


@pytest.mark.parametrize("reason", [End.REASON_DONE, End.REASON_FAILED])
def test_an_ingress_that_ends_the_session_ends_it_here(reason: End.Reason.ValueType) -> None:
    """The client has hung up, or what ingress could not mend: the broker is told the same."""
    call = Session()
    call.hears(end=End(reason=reason, detail="why"))
    assert [message.end for message in call.to_broker()] == [End(reason=reason, detail="why")]
    assert [message.end.reason for message in call.to_ingress()] == [End.REASON_DONE]


@pytest.mark.parametrize("reason", [End.REASON_DRAINING, End.REASON_SUPERSEDED, End.REASON_UNSPECIFIED])
def test_an_ingress_that_only_leaves_does_not(reason: End.Reason.ValueType) -> None:
    """Another one goes on."""
    call = Session()
    call.hears(end=End(reason=reason))
    assert call.to_broker() == []
    assert not call.listening.is_over


BROKERS_WORDS: list[tuple[broker.RespondResponse, type[ParleyError]]] = [
    (broker.RespondResponse(end=End(reason=End.REASON_SUPERSEDED)), Superseded),
    (broker.RespondResponse(end=End(reason=End.REASON_DRAINING)), PeerLost),
    (broker.RespondResponse(end=End(reason=End.REASON_UNSPECIFIED)), PeerLost),
    (broker.RespondResponse(end=End(reason=End.REASON_FAILED)), BrokerFailed),
    (broker.RespondResponse(error=FullFault("full").to_wire()), RemoteFault),
    (broker.RespondResponse(error=Superseded("late").to_wire()), Superseded),
]


@pytest.mark.parametrize(("word", "kind"), BROKERS_WORDS)
def test_what_the_brokers_last_word_means(word: broker.RespondResponse, kind: type[ParleyError]) -> None:
    """Gone, another's, or failed."""
    with pytest.raises(kind):
        Session().listening.from_broker(word)


def test_a_broker_without_room_says_so_itself() -> None:
    """Ingress asks another one; where there is none, the caller is to hear that all are full, not that one was lost."""
    with pytest.raises(RemoteFault) as full:
        Session(ready=False).learns(error=FullFault("full").to_wire())
    assert full.value.to_wire().code == stream_pb2.Error.CODE_FULL


def test_a_broker_that_ends_well_ends_it_well() -> None:
    """It has nothing more to say."""
    Session().learns(end=End(reason=End.REASON_DONE))


def test_events_of_the_core_keep_their_order_on_the_way_to_the_broker() -> None:
    """A cancel does not overtake the turn before it."""
    call = Session()
    call.hears(say=client.Say(text="one", id="1"))
    call.hears(say=client.Say(text="two", id="2"))
    assert kinds(call.to_broker()) == ["typed", "interrupt", "typed"]
