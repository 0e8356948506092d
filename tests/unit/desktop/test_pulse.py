"""A silent server is found by ticks, each in its kind's time."""

from __future__ import annotations

from clients.desktop.pulse import TICK_S, Pulse
from parley.v1 import audio_pb2, stream_pb2
from parley.v1 import conversation_service_pb2 as wire

BEAT = wire.ConverseResponse(heartbeat=stream_pb2.Heartbeat(beat=1))
HEARD = wire.ConverseResponse(heard=audio_pb2.Heard(received_offset=1))
CAPTION = wire.ConverseResponse(caption=wire.Caption(text="a"))


def found_after_s(pulse: Pulse, *, resumable: bool) -> float | None:
    """Return when a silent server is taken for dead; None for not within a minute."""
    return next((tick * TICK_S for tick in range(1, round(60 / TICK_S)) if pulse.tick(resumable=resumable)), None)


def test_one_whose_sessions_may_be_resumed_is_found_soon() -> None:
    """From the first moment on: it says something each second, if only a beat."""
    assert round(found_after_s(Pulse(), resumable=True) or 0, 1) == 1.6


def test_where_nothing_can_be_resumed_there_is_more_patience() -> None:
    """A late answer is better than none; without beats nothing is known at all."""
    pulse = Pulse()
    pulse.heard(CAPTION)
    assert found_after_s(pulse, resumable=False) is None
    pulse.heard(BEAT)
    assert round(found_after_s(pulse, resumable=False) or 0, 1) == 10.1


def test_everything_that_comes_is_a_sign_of_life() -> None:
    """Not only beats."""
    pulse = Pulse()
    pulse.heard(HEARD)
    for _ in range(100):
        assert not pulse.tick(resumable=True)
        pulse.heard(CAPTION)
