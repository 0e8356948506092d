"""Egress dies, and another one speaks: the reply goes on from the sample that was played last, and none is missing."""

from __future__ import annotations

import asyncio

import pytest

from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2 as wire
from services.broker import speak_hop
from tests.fakes.position_code import track_pcm
from tests.fakes.realtime import FakeRealtime, Reply
from tests.integration.broker_ring import MS, BrokerRing, Egress, Vad, ring_with

ASSISTANT = session.HistoryItem.ROLE_ASSISTANT
WORDS = "one two three four five six seven eight"


def reroute(address: str, dial: int = 2) -> wire.Reroute:
    """Another egress speaks from now on."""
    return wire.Reroute(dial=dial, route=wire.Route(egress=address))


async def lost(vad: Vad) -> None:
    """Wait until vad is told that egress was lost."""
    told = await vad.log.until(lambda r: r.HasField("peer_lost"))
    assert told.peer_lost.stage == "egress"


async def goes_on(ring: BrokerRing, other: Egress, played_ms: int) -> None:
    """The other one has the rest of the first reply, from where it was played, to the sample; and its words."""
    ended = await other.ended(1)
    kept = other.replies[1]
    assert kept.start == played_ms * MS
    assert other.audio_of(1) == track_pcm(1, ended.samples)[kept.start * 2 :]
    assert kept.captions[-1].final
    assert "".join(caption.text for caption in kept.captions if not caption.final).split() == WORDS.split()
    await other.played(1, 4000, ended=True)
    (item,) = [each for each in await ring.history(2) if each.role == ASSISTANT]
    assert (item.text, item.heard_ms, item.interrupted) == (WORDS, 4000, False)
    assert other.faults == []


@pytest.mark.parametrize("is_generated", [True, False])
async def test_an_egress_that_dies_in_the_middle_of_a_reply(is_generated: bool) -> None:
    """It is told again from the last sample played, whether the model has given all of it or not."""
    hold = asyncio.Event()
    if is_generated:
        hold.set()
    fake = FakeRealtime([Reply(seconds=4.0, speed=40, hold=hold, hold_at_ms=2000)])
    async with ring_with(fake) as ring:
        other = Egress()
        address = await ring.serve_egress(other)
        vad = await ring.dial()
        await vad.turn(1)
        await ring.egress.log.until(lambda r: r.HasField("audio") and r.audio.position >= 1500 * MS)
        await ring.egress.played(1, 700)
        await asyncio.sleep(0.1)
        ring.egress.break_off()
        await lost(vad)
        hold.set()
        await fake.until(lambda: fake.response(1).sent_samples == 4000 * MS)
        await vad.say(reroute=reroute(address))
        await goes_on(ring, other, 700)
        assert ring.count("rerouted") == 1


async def test_a_reroute_that_comes_before_the_loss_is_noticed() -> None:
    """The stream that still stands is left, and nobody is told of a loss."""
    fake = FakeRealtime([Reply(seconds=4.0, speed=40)])
    async with ring_with(fake) as ring:
        other = Egress()
        address = await ring.serve_egress(other)
        vad = await ring.dial()
        await vad.turn(1)
        await ring.egress.ended(1)
        await ring.egress.played(1, 700)
        await asyncio.sleep(0.1)
        await vad.say(reroute=reroute(address))
        await goes_on(ring, other, 700)
        assert not any(r.HasField("peer_lost") for r in vad.log.messages)


async def test_an_interrupt_without_an_egress() -> None:
    """The next one hears of the floor first, gets nothing of what is dead, and speaks what comes after."""
    fake = FakeRealtime([Reply(seconds=4.0, speed=40)])
    async with ring_with(fake) as ring:
        other = Egress()
        address = await ring.serve_egress(other)
        vad = await ring.dial()
        await vad.turn(1)
        await ring.egress.ended(1)
        await ring.egress.played(1, 1000)
        await asyncio.sleep(0.1)
        ring.egress.break_off()
        await lost(vad)
        await vad.interrupt(7)
        await vad.turn(2, interruption=True)
        await vad.say(reroute=reroute(address))
        await other.ended(2)
        told = [r.WhichOneof("message") for r in other.log.messages]
        assert told[:2] == ["open", "interrupt"]
        assert (other.audio_of(1), other.audio_of(2)) == (b"", track_pcm(2, 4000 * MS))


async def test_an_adoption_by_another_route() -> None:
    """A vad that comes with another egress in its route is enough."""
    fake = FakeRealtime([Reply(seconds=4.0, speed=40)])
    async with ring_with(fake) as ring:
        other = Egress()
        vad = await ring.dial()
        await vad.turn(1)
        await ring.egress.ended(1)
        await ring.egress.played(1, 700)
        await asyncio.sleep(0.1)
        ring.egress_address = await ring.serve_egress(other)
        await ring.resume(2)
        await goes_on(ring, other, 700)


async def test_no_other_egress_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while the session ends, with an error that says which stage was lost."""
    monkeypatch.setattr(speak_hop, "RE_ROUTE_S", 0.3)
    async with ring_with(FakeRealtime()) as ring:
        vad = await ring.dial()
        await vad.ready()
        ring.egress.break_off()
        await lost(vad)
        error = await vad.error()
        assert (error.code, error.retryable, "egress" in error.message) == (wire.Error.CODE_UNAVAILABLE, True, True)
        assert (await vad.last_word()).reason == wire.StreamEnd.REASON_FAILED


async def test_an_egress_that_does_not_say_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken for lost, and the one after it speaks."""
    monkeypatch.setattr(speak_hop, "HELD_S", 0.3)
    fake = FakeRealtime([Reply(seconds=4.0, speed=40)])
    async with ring_with(fake) as ring:
        dumb, other = Egress(), Egress()
        dumb.is_dumb = True
        vad = await ring.dial()
        await vad.turn(1)
        await ring.egress.ended(1)
        await ring.egress.played(1, 700)
        await asyncio.sleep(0.1)
        await vad.say(reroute=reroute(await ring.serve_egress(dumb)))
        await lost(vad)
        await vad.say(reroute=reroute(await ring.serve_egress(other), dial=3))
        await goes_on(ring, other, 700)
        assert [r.WhichOneof("message") for r in dumb.log.messages] == ["open"]
