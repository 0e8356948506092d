"""Streams at the client's rates on devices that take only their own: converted where nothing else will do.

A device is asked for what we want first, mono at our rate, which most systems convert to themselves, and better. Where
it refuses, it is opened as it likes, and the sound is mixed and resampled here; that costs up to 25 ms, counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import soxr

from ..sound import FRAME_MS, pcm_of, samples_of
from .card import CannotOpen, Hear, SoundCard, Stream, Supply
from .devices import Direction, SoundDevice


def open_input(card: SoundCard, device: SoundDevice, rate_hz: int, hear: Hear) -> Stream:
    """Open a microphone that is heard at `rate_hz`, mono. Raises CannotOpen."""
    return _first_that_opens(
        device,
        Direction.INPUT,
        rate_hz,
        lambda rate, channels: card.open_input(
            device, rate, channels, rate * FRAME_MS // 1000, _heard_as(rate, channels, rate_hz, hear)
        ),
    )


def open_output(card: SoundCard, device: SoundDevice, rate_hz: int, supply: Supply) -> Stream:
    """Open a speaker that is supplied at `rate_hz`, mono. Raises CannotOpen."""
    return _first_that_opens(
        device,
        Direction.OUTPUT,
        rate_hz,
        lambda rate, channels: card.open_output(
            device, rate, channels, rate * FRAME_MS // 1000, _supplied_as(rate, channels, rate_hz, supply)
        ),
    )


def _first_that_opens(
    device: SoundDevice, direction: Direction, rate_hz: int, open_as: Callable[[int, int], Stream]
) -> Stream:
    refusal = CannotOpen("it takes no sound")
    for number, (rate, channels) in enumerate(_ways(device, direction, rate_hz)):
        try:
            return open_as(rate, channels)
        except CannotOpen as problem:
            refusal = problem if number == 0 else refusal
    raise refusal


def _ways(device: SoundDevice, direction: Direction, rate_hz: int) -> Iterator[tuple[int, int]]:
    most = device.inputs if direction is Direction.INPUT else device.outputs
    for rate in dict.fromkeys((rate_hz, device.rate_hz or rate_hz)):
        yield rate, 1
        if most >= 2:
            yield rate, 2


def _heard_as(rate: int, channels: int, wanted_hz: int, hear: Hear) -> Hear:
    if (rate, channels) == (wanted_hz, 1):
        return hear
    step = soxr.ResampleStream(rate, wanted_hz, 1, "int16", "LQ") if rate != wanted_hz else None
    taken_s = given_s = 0.0

    def on_sound(pcm: bytes, age_s: float | None) -> None:
        nonlocal taken_s, given_s
        mono = samples_of(pcm).reshape(-1, channels).mean(axis=1).astype(np.int16)
        held_s = taken_s - given_s
        taken_s += len(mono) / rate
        if step is not None:
            mono = step.resample_chunk(mono)
        given_s += len(mono) / wanted_hz
        if len(mono):
            hear(pcm_of(mono), None if age_s is None else age_s + held_s)

    return on_sound


def _supplied_as(rate: int, channels: int, wanted_hz: int, supply: Supply) -> Supply:
    if (rate, channels) == (wanted_hz, 1):
        return supply
    step = soxr.ResampleStream(wanted_hz, rate, 1, "int16", "LQ") if rate != wanted_hz else None
    ready = np.zeros(0, np.int16)
    asked_s = given_s = 0.0

    def on_want(count: int, lead_s: float | None) -> bytes:
        nonlocal ready, asked_s, given_s
        while len(ready) < count:
            wanted = max(-(-(count - len(ready)) * wanted_hz // rate), wanted_hz * FRAME_MS // 2000)
            ahead_s = asked_s - given_s
            more = samples_of(supply(wanted, None if lead_s is None else lead_s + ahead_s))
            asked_s += len(more) / wanted_hz
            ready = np.concatenate([ready, more if step is None else step.resample_chunk(more)])
        given, ready = ready[:count], ready[count:]
        given_s += count / rate
        return pcm_of(np.repeat(given, channels))

    return on_want
