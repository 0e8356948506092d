"""The replies as reference: every sample in its place at 16 kHz, silence elsewhere, and no more than is needed."""

from __future__ import annotations

import numpy as np
import pytest

from parley.v1 import audio_pb2 as audio
from services.ingress.echo.reference import KEPT_BEHIND, MAX_SAMPLES, Reference
from tests.unit.ingress.frames import click_at, middle_of


def play(reference: Reference, pcm: np.ndarray[tuple[int], np.dtype[np.int16]], piece: int, reply: int = 1) -> None:
    """Hand a reply over in pieces."""
    for position in range(0, len(pcm), piece):
        part = pcm[position : position + piece].astype("<i2").tobytes()
        reference.play(audio.ReplyAudio(reply=reply, position=position, pcm=part))


@pytest.mark.parametrize("piece", [480, 1_441, 24_000])
def test_a_sample_stands_at_two_thirds_of_its_position(piece: int) -> None:
    """A click at 0.5 s of the reply is found at 0.5 s of the reference, however it was cut."""
    reference = Reference()
    play(reference, click_at(12_000, 24_000, 24_000), piece)
    reference.end(1)
    assert middle_of(reference.read(1, 0, 16_000)) == pytest.approx(8_000, abs=2)


def test_what_is_not_there_is_silence() -> None:
    """Before the beginning, beyond what was sent, and of replies that never came."""
    reference = Reference()
    play(reference, np.full(2_400, 1_000, np.int16), 480)
    wave = reference.read(1, -800, 3_200)
    assert not wave[:790].any()
    assert wave[900:2_000].all()
    assert not wave[2_500:].any()
    assert not reference.read(2, 0, 100).any()


def test_what_was_heard_half_a_second_ago_is_forgotten() -> None:
    """And with it every lower reply."""
    reference = Reference()
    play(reference, np.full(48_000, 1_000, np.int16), 4_800, reply=1)
    play(reference, np.full(48_000, 2_000, np.int16), 4_800, reply=2)
    reference.end(2)
    reference.forget_before(2, 20_000)
    assert len(reference) == 32_000 - 20_000 + KEPT_BEHIND
    assert not reference.read(1, 0, 32_000).any()
    assert reference.read(2, 20_000, 1_000).all()


def test_it_never_holds_more_than_its_bound() -> None:
    """Of a client that is sent more than 20 s ahead the oldest is dropped, and counted."""
    reference = Reference()
    play(reference, np.full(25 * 24_000, 1_000, np.int16), 24_000)
    assert len(reference) == MAX_SAMPLES
    assert reference.dropped_samples > 4 * 16_000
    assert reference.read(1, 24 * 16_000, 100).all()


def test_it_knows_what_was_not_sent_yet() -> None:
    """Of a reply that goes on; what lies beyond the end of one that is over is silence, not lack."""
    reference = Reference()
    play(reference, np.full(24_000, 1_000, np.int16), 4_800)
    assert 0 < reference.lacking(1, 16_100) < 200
    assert reference.lacking(1, 8_000) == 0
    reference.end(1)
    assert reference.lacking(1, 99_999) == 0
