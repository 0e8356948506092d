"""All sessions of an egress: they are kept as long as somebody may go on with them, and sent elsewhere at the end."""

from __future__ import annotations

import asyncio

import pytest

from parley.v1 import egress_service_pb2 as wire
from services.common.errors import FullFault
from services.common.outbox import Outbox
from services.common.room import Room
from services.egress.session import Speaking
from services.egress.speakings import Speakings
from tests.fakes.eventually import eventually
from tests.unit.common.ticks import Ticks, settle, ticks
from tests.unit.egress.sounds import give, piece

__all__ = ["ticks"]


def test_a_session_stays_while_one_stream_does() -> None:
    """One stream alone keeps what the other will want."""
    speakings = Speakings()
    speaking = speakings.get("s")
    assert speakings.get("s") is speaking
    speaking.to_broker = Outbox(1)
    speaking.is_over = True
    speakings.leave(speaking)
    assert len(speakings) == 1
    speaking.to_broker = None
    speakings.leave(speaking)
    assert len(speakings) == 0


async def test_a_session_that_broke_off_is_kept_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes over finds it as it was; when nobody has come, it is forgotten."""
    monkeypatch.setattr("services.common.parking._TICK_S", 0.01)
    speakings = Speakings(parked_s=0.05)
    speaking = speakings.get("s")
    speaking.playout.feed(piece(1, 0, 480), 0)
    speakings.leave(speaking)
    assert len(speakings) == 1
    assert speakings.get("s") is speaking
    speakings.leave(speaking)
    await eventually(lambda: len(speakings) == 0)
    assert speakings.get("s") is not speaking


async def test_one_ticker_drives_every_session_that_has_something_to_play() -> None:
    """Sessions without anything due are passed over."""
    speakings = Speakings()
    outboxes: list[Outbox[wire.AttachResponse]] = [Outbox(10), Outbox(10)]
    for name, outbox in zip("ab", outboxes, strict=True):
        speakings.get(name).playout.feed(piece(1, 0, 480), 0)
        speakings.get(name).to_ingress = outbox
    run = speakings.run(period_s=0)
    run.send(None)
    run.close()
    assert [len(outbox) for outbox in outboxes] == [1, 1]


def drained(speaking: Speaking) -> bool:
    """Say whether a session's listener has been sent away."""
    assert speaking.to_ingress is not None
    return speaking.to_ingress.is_closed


async def test_a_process_that_stops_waits_for_a_quiet_moment(ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is silent goes at once, who speaks when the reply is over, or when time is up; nobody comes any more."""
    monkeypatch.setattr("time.monotonic", lambda: ticks.now_s)
    speakings = Speakings()
    silent, brief, long = (speakings.get(name) for name in ("silent", "brief", "long"))
    for speaking in (silent, brief, long):
        speaking.to_ingress = Outbox(100)
        speaking._clock = lambda: ticks.now_s
    give(brief.playout, 1, 4_800)
    give(long.playout, 1, 480_000)
    ticker = asyncio.create_task(speakings.run())
    draining = asyncio.create_task(speakings.drain())
    await settle()
    assert [drained(each) for each in (silent, brief, long)] == [True, False, False]
    with pytest.raises(FullFault, match="stopping"):
        speakings.get("another")
    await ticks.advance(0.5)
    assert [drained(each) for each in (silent, brief, long)] == [True, True, False]
    await ticks.advance(1)
    assert drained(long)
    await settle()
    assert draining.done()
    ticker.cancel()


def test_a_full_egress_refuses_new_sessions_and_no_old_one() -> None:
    """The second stream of a session has its place already; who lost another egress gets one of those kept for that."""
    speakings = Speakings(room=Room("egress", 4))
    for name in "abcd":
        speakings.get(name)
    with pytest.raises(FullFault, match="egress holds its 4 sessions"):
        speakings.get("e")
    assert speakings.get("a") is speakings.get("a")
    speakings.get("f", resumes=True)
    with pytest.raises(FullFault):
        speakings.get("g", resumes=True)


def test_what_a_session_has_counted_stays_when_it_is_over() -> None:
    """However it ended; the process tells of all."""
    speakings = Speakings()
    speaking = speakings.get("s")
    speaking.playout.counters["dead_pieces"] += 3
    speaking.is_over = True
    speakings.leave(speaking)
    speakings.leave(speaking)
    assert speakings.counters == {"dead_pieces": 3}
