"""Downlink: how long the model's audio takes to the client, what came too late, and what never came."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Final

from tests.load.playout import HZ, PREBUFFER_S
from tests.load.tape import DeviceTape, Piece, Response

FRAME_SAMPLES: Final = 480
_FRAME_S: Final = FRAME_SAMPLES / HZ


@dataclass
class Downlink:
    """What was found: `added_ms` per first delta and per delta that came at the pace of speech."""

    added_ms: list[float] = field(default_factory=list)
    frames: int = 0
    frames_late: int = 0
    lost_samples: int = 0


def judge_downlink(device: DeviceTape, responses: Mapping[int, Response], begun_s: float, ended_s: float) -> Downlink:
    """Judge the replies whose first piece came during the measured window; `responses` are the model's by serial."""
    downlink = Downlink()
    for _, group in groupby(device.pieces, key=lambda piece: piece.reply):
        pieces = list(group)
        response = responses.get(pieces[0].serial)
        if response is None or not begun_s <= pieces[0].at_s <= ended_s:
            continue
        downlink.added_ms += _added_ms(pieces, response, device.lead_ms / 1000)
        late, frames = _late(pieces)
        downlink.frames_late += late
        downlink.frames += frames
        downlink.lost_samples += _lost(pieces, device, response)
    return downlink


def _added_ms(pieces: list[Piece], response: Response, lead_s: float) -> list[float]:
    """From the moment when a delta was sent, or when its last sample was due by the lead, to its arrival."""
    first_s, ends = pieces[0].at_s, [piece.end for piece in pieces]
    added = [(first_s - response.deltas[0][0]) * 1000]
    for sent_s, end in response.deltas[1:] if response.is_live else []:
        index = bisect_left(ends, end)
        if index < len(pieces):
            due_s = max(sent_s, first_s + end / HZ - lead_s)
            added.append((pieces[index].at_s - due_s) * 1000)
    return added


def _late(pieces: list[Piece]) -> tuple[int, int]:
    """Play a reply 60 ms after its first piece; count the frames that were not there at their moment, and all."""
    late = frame = 0
    origin_s = pieces[0].at_s + PREBUFFER_S
    for piece in pieces:
        while (frame + 1) * FRAME_SAMPLES <= piece.end:
            due_s = origin_s + frame * _FRAME_S
            if piece.at_s > due_s:
                late += 1
                origin_s += piece.at_s - due_s  # the speaker waited: what follows is played later
            frame += 1
    return late, frame


def _lost(pieces: list[Piece], device: DeviceTape, response: Response) -> int:
    """Count the samples that are missing between the first of a reply and the last that it should have."""
    lost = pieces[0].position + sum(max(after.position - before.end, 0) for before, after in pairwise(pieces))
    reply = pieces[0].reply
    if reply in device.ends and reply not in device.flushed_replies and not response.is_cancelled:
        lost += max(response.deltas[-1][1] - pieces[-1].end, 0)
    return lost
