"""The microphone's clock: no sample twice, none missing, whatever ingress sends and sends again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import audio_pb2 as audio
from parley.v1 import vad_service_pb2 as wire
from services.common.errors import ProtocolFault
from services.vad.mic_clock import MicClock

FRAME = 320


def sound(since: int, samples: int = FRAME, reply: int = 0) -> wire.ListenRequest:
    """A frame whose every sample tells its place, and that the client heard this much of a reply meanwhile."""
    pcm = b"".join((offset % 30_011 + 1).to_bytes(2, "little") for offset in range(since, since + samples))
    playhead = audio.Playhead(reply=reply, position=since * 3 // 2 if reply else 0)
    return wire.ListenRequest(audio=audio.AudioFrame(mic_offset=since, pcm=pcm, playhead=playhead))


def gap(since: int, ms: int) -> wire.ListenRequest:
    """Silence on the wire."""
    return wire.ListenRequest(gap=audio.Gap(mic_offset=since, ms=ms))


def heard(pieces: Sequence[wire.ListenRequest]) -> list[tuple[int, bool]]:
    """Return what was placed, sample for sample: where, and whether it is sound."""
    samples: list[tuple[int, bool]] = []
    for piece in pieces:
        if piece.WhichOneof("message") == "gap":
            assert 0 < piece.gap.ms <= 1_000
            samples += [(piece.gap.mic_offset + n, False) for n in range(16 * piece.gap.ms)]
            continue
        frame = piece.audio
        for n in range(len(frame.pcm) // 2):
            value = int.from_bytes(frame.pcm[2 * n : 2 * n + 2], "little")
            assert value in (0, (frame.mic_offset + n) % 30_011 + 1)
            samples.append((frame.mic_offset + n, value > 0))
    return samples


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(-900, 900), st.integers(1, 40)), max_size=14))
def test_whatever_comes_every_sample_is_placed_once_and_in_order(steps: Sequence[tuple[bool, int, int]]) -> None:
    """Repeats are left out, holes are silence, and sound is where it belongs."""
    clock, at, placed = MicClock(), 0, list[wire.ListenRequest]()
    told: set[int] = set()
    placed += clock.place(sound(0))
    told |= set(range(FRAME))
    for is_gap, jump, length in steps:
        at = max(clock.received + jump, 0)
        known = clock.received
        placed += clock.place(gap(at, length) if is_gap else sound(at, 16 * length))
        if not is_gap:
            told |= set(range(max(at, known), at + 16 * length))
    found = heard(placed)
    assert [offset for offset, _ in found] == list(range(clock.received))
    assert {offset for offset, is_sound in found if is_sound} == told


def test_the_playhead_of_half_a_frame_is_later() -> None:
    """What is left of a frame was captured when more of the reply had been heard."""
    clock = MicClock()
    clock.place(sound(0))
    (piece,) = clock.place(sound(160, reply=4))
    assert (piece.audio.mic_offset, piece.audio.playhead.position) == (320, 480)


def test_what_comes_first_may_be_later_than_was_wanted() -> None:
    """Ingress has let go of what was acknowledged: that is no hole."""
    clock = MicClock()
    clock.start(1_000)
    assert heard(clock.place(sound(64_000)))[0] == (64_000, True)
    assert clock.received == 64_320


@pytest.mark.parametrize("scrap", [0, 7])
def test_hours_of_silence_before_the_first_sound_are_not_heard(scrap: int) -> None:
    """Where nobody needs it, silence that comes first only moves the clock, however ingress puts it."""
    clock = MicClock()
    clock.start(1_000)
    first = [] if not scrap else clock.place(sound(1_000, scrap))
    assert heard([*first, *clock.place(gap(1_000 + scrap, 3_600_000))]) == []
    until = 1_000 + scrap + 16 * 3_600_000
    assert clock.received == until
    assert heard(clock.place(gap(until, 3))) == [(until + n, False) for n in range(48)]


def test_a_model_that_hears_everything_gets_all_the_silence_it_lacks() -> None:
    """Silence is needless only as far as it was given before."""
    clock = MicClock()
    clock.start(1_000, 33_000)
    found = heard(clock.place(gap(1_000, 4_000)))
    assert (found[0], found[-1]) == ((33_000, False), (64_999, False))


def test_a_clock_that_jumps_is_a_fault() -> None:
    """Nobody fills an hour with silence."""
    clock = MicClock()
    clock.place(sound(0))
    with pytest.raises(ProtocolFault):
        clock.place(sound(16_000 * 3_600))


def test_half_a_sample_is_a_fault() -> None:
    """PCM16 has two bytes."""
    with pytest.raises(ProtocolFault):
        MicClock().place(wire.ListenRequest(audio=audio.AudioFrame(pcm=b"\x00")))
