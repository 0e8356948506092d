"""Puts together how well a conversation's sound flows, from the parts that know."""

from __future__ import annotations

from .device import AudioDevice, KnownDevice
from .echo.way import EchoWay
from .local_duck import BEGINS_CANCELLED_DB, BEGINS_CLEAN_DB
from .meters import EchoState, Quality
from .playout import Playout
from .session import Session
from .sound import MIC_HZ, speaker_ms


def quality_of(playout: Playout, device: AudioDevice, dropped_mic_frames: int) -> Quality:
    """Return the figures of this moment. `dropped_mic_frames`: those that never reached a server."""
    known = device if isinstance(device, KnownDevice) else None
    return Quality(
        echo=known.echo if known else EchoState(),
        buffer_ms=speaker_ms(playout.unplayed_samples),
        start_ms=speaker_ms(playout.threshold.samples),
        underruns=playout.underruns,
        gap_ms=speaker_ms(playout.gap_samples),
        dropped_ms=speaker_ms(playout.dropped_samples),
        dropped_mic_frames=dropped_mic_frames + (known.dropped_mic_frames if known else 0),
        dropped_speaker_frames=known.dropped_speaker_frames if known else 0,
        starved_calls=known.starved_calls if known else 0,
        output_latency_ms=speaker_ms(device.output_latency_samples),
        input_latency_ms=device.input_latency_samples * 1000 // MIC_HZ,
        ducked=playout.ducked,
        microphone=known.microphone if known else "",
        speaker=known.speaker if known else "",
        trouble=known.trouble if known else "",
    )


def follow_device(device: AudioDevice, session: Session) -> None:
    """Let replies wait while there is no speaker, the local ear listen only where no echo is in its way, and the person
    know what is wrong.
    """
    if not isinstance(device, KnownDevice):
        return
    session.playout.paused = device.speaker_away
    session.sound_trouble(device.trouble)
    way = device.echo.way
    local_duck = session.local_duck
    local_duck.expect_from(way, BEGINS_CANCELLED_DB if way == EchoWay.DEVICE else BEGINS_CLEAN_DB)
    local_duck.enabled = way != EchoWay.SERVER
