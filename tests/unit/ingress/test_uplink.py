"""Uplink: what goes to vad waits for one that is ready, and keys that take the floor are pressed once."""

from __future__ import annotations

from typing import Any

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2, stream_pb2
from parley.v1 import vad_service_pb2 as vad
from services.ingress.retention import MAX_RETAINED
from services.ingress.uplink import PRESSED_MS, Uplink
from tests.unit.ingress.frames import counted, frame

KEY = vad.ListenRequest(interrupt=client.ConverseRequest.Interrupt())
OPERATOR = vad.ListenRequest(operator_interrupt=vad.OperatorInterrupt())


def sound(index: int) -> vad.ListenRequest:
    """A frame of 20 ms."""
    return vad.ListenRequest(audio=frame(index * 320, counted(index * 320, 320)))


def dialled(number: int = 1, uplink: Uplink | None = None) -> Uplink:
    """Dial a vad."""
    uplink = uplink or Uplink(100)
    uplink.dial(stream_pb2.StreamOpen(dial=number), None)
    return uplink


async def given(uplink: Uplink) -> list[Any]:
    """Return what the vad of the moment is given."""
    outbox = uplink.outbox
    outbox.close()
    return [message async for message in outbox]


async def kinds(uplink: Uplink) -> list[str]:
    """The kinds of it."""
    return [message.WhichOneof("message") for message in await given(uplink)]


async def test_a_vad_is_given_nothing_before_it_is_ready() -> None:
    """Then all that is kept from where it wants to hear, and then what comes."""
    uplink = dialled()
    for index in range(3):
        uplink.keep(sound(index))
    assert len(uplink.outbox) == 1
    uplink.ready(320)
    uplink.keep(sound(3))
    messages = await given(uplink)
    assert messages[0].HasField("open")
    assert [each.audio.mic_offset for each in messages[1:]] == [320, 640, 960]
    assert uplink.counters["replayed_ms"] == 0, "it is the first to hear it"


async def test_what_a_vad_has_heard_already_is_kept_for_the_next_one() -> None:
    """The ingress before this one had it, and died: the client gives it again, and another vad may want it."""
    uplink = dialled()
    uplink.retention.begin_at(320)
    uplink.ready(1_000)
    for index in range(1, 5):
        uplink.keep(sound(index))
    heard = [(each.audio.mic_offset, len(each.audio.pcm) // 2) for each in (await given(uplink))[1:]]
    assert heard == [(1_000, 280), (1_280, 320)]
    dialled(2, uplink).ready(320)
    assert [each.audio.mic_offset for each in (await given(uplink))[1:]] == [320, 640, 960, 1_280]


async def test_the_next_vad_is_given_it_again() -> None:
    """And what was never settled directly after it is opened; how much was sent again is counted."""
    uplink = dialled()
    uplink.ready(0)
    for index in range(5):
        uplink.keep(sound(index))
    uplink.dial(stream_pb2.StreamOpen(dial=2), session_pb2.Interrupt(seq=3))
    uplink.keep(sound(5))
    uplink.ready(3 * 320)
    messages = await given(uplink)
    assert [each.WhichOneof("message") for each in messages[:2]] == ["open", "unsettled"]
    assert [each.audio.mic_offset for each in messages[2:]] == [960, 1_280, 1_600]
    assert uplink.counters["replayed_ms"] == 60


async def test_silence_that_nobody_kept_is_not_counted_as_sent_again() -> None:
    """Nobody has said anything for long: a vad that wants to hear from the last turn on is told of a gap."""
    uplink = dialled()
    uplink.ready(0)
    for index in range(500):
        uplink.keep(sound(index))
    uplink.retention.heard(490 * 320)
    dialled(2, uplink).ready(0)
    _, gap, *frames = await given(uplink)
    assert (gap.gap.mic_offset, gap.gap.ms, len(frames)) == (0, 9_800, 10)
    assert uplink.counters["replayed_ms"] == 200


async def test_a_key_goes_before_the_sound_and_an_operator_behind_it() -> None:
    """The person means what they hear now, the operator's word has its place."""
    uplink = dialled()
    uplink.ready(0)
    uplink.keep(sound(0))
    uplink.press(OPERATOR, at_once=False)
    uplink.press(KEY, at_once=True)
    assert await kinds(uplink) == ["open", "interrupt", "audio", "operator_interrupt"]


async def test_a_key_pressed_in_a_takeover_is_kept() -> None:
    """Once, however often it was pressed; it follows what was said before."""
    uplink = dialled()
    uplink.keep(sound(0))
    for _ in range(5):
        uplink.press(KEY, at_once=True)
    uplink.ready(0)
    assert (await kinds(uplink))[:3] == ["open", "audio", "interrupt"]


async def test_a_key_that_a_lost_vad_may_not_have_heard_is_pressed_again() -> None:
    """Unless a verdict came of it, or it was long ago."""
    for heard, waited_ms, again in ((False, 1_000, True), (True, 1_000, False), (False, PRESSED_MS + 1, False)):
        uplink = dialled()
        uplink.ready(0)
        uplink.press(KEY, at_once=True)
        if heard:
            uplink.answered()
        uplink.tick(waited_ms)
        dialled(2, uplink)
        uplink.tick(10 * PRESSED_MS)
        uplink.ready(0)
        assert ("interrupt" in await kinds(uplink)) is again


async def test_a_vad_that_does_not_read_is_found_and_nothing_is_lost() -> None:
    """The next one is given what is kept."""
    uplink = dialled()
    uplink.ready(0)
    for index in range(MAX_RETAINED + 101):
        uplink.keep(vad.ListenRequest(gap=audio.Gap(mic_offset=index * 32_000, ms=2_000)))
    assert uplink.is_stuck
    kept = len(uplink.retention)
    dialled(2, uplink)
    assert not uplink.is_stuck
    uplink.ready(uplink.retention.clock - kept)
    assert sum(each.gap.ms * 16 for each in await given(uplink)) == kept


async def test_a_vad_is_told_of_another_egress() -> None:
    """Even before it is ready: it may be waiting for that very egress."""
    uplink = dialled()
    uplink.reroute(stream_pb2.Reroute(dial=3))
    assert await kinds(uplink) == ["open", "reroute"]
