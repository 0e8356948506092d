"""A server that paces and a network that jitters and loses, in virtual time: when which piece of a reply comes."""

from __future__ import annotations

import random
from dataclasses import dataclass

from clients.desktop.playout import Playout
from clients.desktop.sound import FRAME_MS, SPEAKER_FRAME_SAMPLES, speaker_samples

from .signals import reply_pcm

PIECE_MS = 80
"""A server with a lead of 400 ms sends pieces so long, after the first, which is the whole lead."""


@dataclass
class Way:
    """TCP over a network that delays each packet by chance and loses some: in order, what is lost comes again later."""

    seed: int = 1
    jitter_ms: float = 150
    loss: float = 0.05
    again_ms: float = 200
    """A lost piece is sent again after so long: the least timeout of Linux' TCP."""

    def arrivals(self, sent_ms: list[float]) -> list[float]:
        """Return when what is sent at these times arrives."""
        chance = random.Random(self.seed)
        arrived, last = [], 0.0
        for at in sent_ms:
            delay = chance.uniform(0, self.jitter_ms)
            while chance.random() < self.loss:
                delay += self.again_ms
            last = max(last, at + delay)
            arrived.append(last)
        return arrived


def reply_pieces(begins_ms: float, length_ms: int, lead_ms: int) -> list[tuple[float, int, int]]:
    """Return (when it is sent, position in ms, length in ms) of the pieces of one reply."""
    pieces, position = [(begins_ms, 0, min(lead_ms, length_ms))], lead_ms
    while position < length_ms:
        piece = min(PIECE_MS, length_ms - position)
        pieces.append((begins_ms + position + piece - lead_ms, position, piece))
        position += piece
    return pieces


@dataclass
class Heard:
    """What became of a conversation."""

    played_ms: float
    gap_ms: float
    underruns: int
    starts_ms: list[float]
    """The threshold at the beginning of each reply."""

    @property
    def gap_share(self) -> float:
        """Silence in the middle of replies, against what was played."""
        return self.gap_ms / self.played_ms


def converse(playout: Playout, way: Way, replies: int, length_ms: int = 8_000, lead_ms: int = 400) -> Heard:
    """Let so many replies be played one after another, a second apart, and tell how it went."""
    sent = [
        (at, reply, position, length)
        for reply in range(1, replies + 1)
        for at, position, length in reply_pieces((reply - 1) * (length_ms + 1_000.0), length_ms, lead_ms)
    ]
    coming = list(zip(way.arrivals([at for at, *_ in sent]), sent, strict=True))
    now_ms, starts, seen = 0.0, [], 0
    while coming or playout.underway:
        while coming and coming[0][0] <= now_ms:
            _, (_, reply, position, length) = coming.pop(0)
            if reply > seen:
                seen = reply
                starts.append(playout.threshold.samples / 24)
            at, samples = speaker_samples(position), speaker_samples(length)
            playout.receive(reply, at, reply_pcm(reply, at, samples))
            if position + length >= length_ms:
                playout.ended(reply)
        playout.pull(SPEAKER_FRAME_SAMPLES)
        playout.happenings()
        now_ms += FRAME_MS
    return Heard(replies * length_ms, playout.gap_samples / 24, playout.underruns, starts)
