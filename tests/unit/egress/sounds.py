"""Replies for the tests of egress, in which every sample tells its position, and a listener that plays them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as wire
from parley.v1 import session_pb2
from services.egress.playout import Event, Playout

HZ = 24_000


def pcm(start: int, samples: int) -> bytes:
    """Return samples that are functions of their positions."""
    return ((np.arange(start, start + samples) % 30_011) + 1).astype("<i2").tobytes()


def piece(reply: int, start: int, samples: int) -> audio.ReplyAudio:
    """Return a piece of a reply."""
    return audio.ReplyAudio(reply=reply, position=start, pcm=pcm(start, samples))


def words(reply: int, position: int, text: str = "word ", *, final: bool = False) -> client.Caption:
    """Return words of the assistant's."""
    who = client.Caption.WHO_ASSISTANT
    return client.Caption(who=who, reply=reply, position=position, text=text, final=final)


def cancel(seq: int, floor: int = 0) -> session_pb2.Interrupt:
    """Return a cancel."""
    return session_pb2.Interrupt(seq=seq, floor=floor, kind=session_pb2.Interrupt.KIND_CANCEL)


def give(playout: Playout, reply: int, samples: int, now_s: float = 0.0, *, ended: bool = True) -> None:
    """Give a reply whole."""
    playout.begin(wire.ReplyStarted(reply=reply, turn=reply))
    playout.feed(piece(reply, 0, samples), now_s)
    if ended:
        playout.end(audio.ReplyEnded(reply=reply, samples=samples))


class Listener:
    """Collects what the playout yields and checks that each reply comes in order, without holes."""

    def __init__(self, playout: Playout) -> None:
        self.playout = playout
        self.received: dict[int, int] = {}
        self.ended: list[int] = []
        self.captions: list[tuple[float, client.Caption]] = []
        self.reports: list[client.TurnReport] = []
        self.pieces: list[tuple[float, audio.ReplyAudio]] = []

    def poll(self, now_s: float) -> list[Event]:
        """Take what is due."""
        events = list(self.playout.poll(now_s))
        self.take(events, now_s)
        return events

    def take(self, events: Iterable[Event], now_s: float) -> None:
        """Take events as the ingress would."""
        for event in events:
            match event:
                case audio.ReplyAudio():
                    assert event.position == self.received.get(event.reply, 0), "a hole, or twice"
                    assert event.pcm == pcm(event.position, len(event.pcm) // 2)
                    self.received[event.reply] = event.position + len(event.pcm) // 2
                    self.pieces.append((now_s, event))
                case audio.ReplyEnded():
                    assert event.samples == self.received.get(event.reply, 0)
                    self.ended.append(event.reply)
                case client.Caption():
                    self.captions.append((now_s, event))
                case client.TurnReport():
                    self.reports.append(event)

    def listen(self, since_s: float, until_s: float, step_s: float = 0.01) -> None:
        """Poll again and again."""
        for index in range(round((until_s - since_s) / step_s) + 1):
            self.poll(since_s + index * step_s)
