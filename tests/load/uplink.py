"""Uplink: how long microphone audio takes to the model, judged by the tapes of both ends."""

from __future__ import annotations

import base64
import json
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

from tests.load.alignment import MIC_HZ, MODEL_HZ, Place, locate
from tests.load.tape import Append, DeviceTape, Heard, ModelTape
from tests.load.voice import FRAME_SAMPLES

_BEFORE_S: Final = 15.0
"""A turn is looked for this long before its first append. Pre-roll and decision take half a second; the rest is for a
ring that can't keep up."""


@dataclass
class Uplink:
    """What was found: `added_ms` per live append."""

    added_ms: list[float] = field(default_factory=list)
    backlog_appends: int = 0
    unaligned_turns: int = 0
    lost_samples: int = 0


def judge_uplink(device: DeviceTape, model: ModelTape, begun_s: float, ended_s: float) -> Uplink:
    """Judge the turns committed during the measured window.

    For each append: from the moment when the microphone frame that holds its last sample was sent, to its arrival.
    Left out is the backlog of a turn's onset: what was sent before the first append of the turn arrived, and came
    faster than speech.
    """
    uplink = Uplink()
    earliest = 0
    for turn in model.turns:
        sound = [_audio(append) for append in turn.appends]
        place = _locate(device, turn, b"".join(sound), earliest)
        if place is not None:
            # The same sentence may have been said before: a turn is looked for behind the one before it.
            earliest = place.start + sum(map(len, sound)) // 2 * MIC_HZ // MODEL_HZ // 2
        if begun_s <= turn.committed_s <= ended_s:
            _judge_turn(device, turn, sound, place, uplink)
    return uplink


def _locate(device: DeviceTape, turn: Heard, pcm: bytes, earliest: int) -> Place | None:
    """Find a turn among the frames sent before its commit."""
    if not turn.appends:
        return None
    sent_s = device.mic_sent_s
    low = max(bisect_left(sent_s, turn.appends[0].at_s - _BEFORE_S), earliest // FRAME_SAMPLES)
    place = locate(pcm, b"".join(device.mic_frames[low : bisect_left(sent_s, turn.committed_s)]))
    return None if place is None else Place(place.start + low * FRAME_SAMPLES, place.missing)


def _judge_turn(device: DeviceTape, turn: Heard, sound: list[bytes], place: Place | None, uplink: Uplink) -> None:
    if place is None:
        uplink.unaligned_turns += 1
        return
    uplink.lost_samples += place.missing
    backlog, first_s = _backlog(turn.appends, sound), turn.appends[0].at_s
    end = 0
    for index, (append, pcm) in enumerate(zip(turn.appends, sound, strict=True)):
        end += len(pcm) // 2
        frame = (place.start + (end - 1) * MIC_HZ // MODEL_HZ) // FRAME_SAMPLES
        if not 0 <= frame < len(device.mic_sent_s):
            continue  # what a short turn is filled up with
        sent_s = device.mic_sent_s[frame]
        if index < backlog and sent_s < first_s:
            uplink.backlog_appends += 1
        else:
            uplink.added_ms.append((append.at_s - sent_s) * 1000)


def _backlog(appends: list[Append], sound: list[bytes]) -> int:
    """Count the appends at the beginning that were followed by the next in less than half of the next one's length."""
    for index in range(1, len(appends)):
        gap_s = appends[index].at_s - appends[index - 1].at_s
        if gap_s >= len(sound[index]) / 2 / MODEL_HZ / 2:
            return index - 1
    return len(appends)


def _audio(append: Append) -> bytes:
    return base64.b64decode(json.loads(append.event)["audio"])
