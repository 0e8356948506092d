"""Delivery: which of the microphone's samples the broker is given, and in which pieces.

A model that leaves the ends of turns to us is given turns alone, each with its pre-roll. One that listens for itself is
given everything, silence too: what it hears is its clock, so each sample goes once, in order, and none is left out. A
turn's pre-roll has gone by then; it is not sent again.
"""

from __future__ import annotations

from typing import Final

from parley.v1 import broker_service_pb2 as broker
from services.vad.memory import MicMemory
from services.vad.voice import SAMPLES_PER_MS

CHUNK_MS: Final = 100
"""Audio goes to the broker in pieces of this length; nobody waits for it before the turn ends."""


class Delivery:
    """One conversation's. Pieces are cut from `memory`, which holds on to what has not been given yet."""

    def __init__(self, memory: MicMemory) -> None:
        self._memory = memory
        self._sent = 0
        self.is_continuous = False
        """Everything is given, not turns alone."""

    def go_on(self, given: int) -> None:
        """What came before `given` was given by another vad."""
        self._sent = given

    def hear_all(self) -> None:
        """Give everything from now on, beginning with the oldest sample remembered that has not been given."""
        self.is_continuous = True
        self._sent = max(self._sent, self._memory.start)

    def begin(self, start: int) -> None:
        """A turn begins at sample `start`."""
        if not self.is_continuous:
            self._sent = start

    def resume(self, start: int) -> int:
        """The turn before goes on; return from where on it is heard: what was given is not given again."""
        if self.is_continuous:
            return max(start, self._memory.start)
        self._sent = max(start, self._sent)
        return self._sent

    def pieces(self, turn: int, *, all_of_it: bool) -> list[broker.TurnAudio]:
        """Return what has not been given, as this turn's; the last piece only when it is whole or `all_of_it`."""
        chunk = CHUNK_MS * SAMPLES_PER_MS
        self._sent = max(self._sent, self._memory.start)
        pieces = []
        while (waiting := self._memory.end - self._sent) >= chunk or (all_of_it and waiting > 0):
            until = self._sent + min(chunk, waiting)
            pcm = self._memory.slice(self._sent, until)
            pieces.append(broker.TurnAudio(turn=turn, mic_offset=self._sent, pcm=pcm))
            self._sent = until
        return pieces

    def rest(self, turn: int) -> list[broker.TurnAudio]:
        """Return what a message to the broker must not overtake: all that was heard, if it is given everything."""
        return self.pieces(turn, all_of_it=True) if self.is_continuous else []
