"""ReplyBuffer: one reply as egress holds it, from the first sample not yet played to the last one given."""

from __future__ import annotations

from collections import deque
from typing import Final

from parley.v1 import conversation_service_pb2 as conversation
from parley.v1 import egress_service_pb2 as wire
from services.common.audio import REPLY_HZ, SAMPLE_BYTES
from services.common.errors import LimitFault, ProtocolFault

MAX_HELD_S: Final = 150
"""More than the 120 s that a broker may run ahead; what passes this is a fault, not a long answer."""


class ReplyBuffer:
    """The samples of one reply [start, end), the words that go with them, and how far they have been sent."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.turn = 0
        self.stages: list[conversation.TurnReport.Stage] = []
        self.captions: deque[conversation.Caption] = deque()
        self.first_received_s: float | None = None
        self.first_sent_s: float | None = None
        self.is_reported = False
        self.is_complete = False
        self.is_end_told = False
        self.sent = 0
        self._start = 0
        self._pcm = bytearray()

    @property
    def end(self) -> int:
        """Samples given so far."""
        return self._start + len(self._pcm) // SAMPLE_BYTES

    @property
    def is_sent(self) -> bool:
        """True when nothing is left to send."""
        return self.is_complete and self.sent >= self.end

    def begin(self, started: wire.ReplyStarted) -> None:
        """Take what is known of it; its words may have come before."""
        self.turn = started.turn
        self.stages = list(started.stages)

    def append(self, position: int, pcm: bytes) -> None:
        """Add samples; what overlaps with what is here (a replay) is skipped.

        Raises:
            ProtocolFault: samples are missing in between.
            LimitFault: more is held than any reply may need.
        """
        overlap = self.end - position
        if overlap < 0:
            raise ProtocolFault(f"reply {self.number} jumps from sample {self.end} to {position}")
        self._pcm += pcm[overlap * SAMPLE_BYTES :]
        if len(self._pcm) > MAX_HELD_S * REPLY_HZ * SAMPLE_BYTES:
            raise LimitFault(f"reply {self.number} runs more than {MAX_HELD_S} s ahead of its playout")

    def take(self, samples: int) -> tuple[int, bytes]:
        """Return (position, pcm) of at most `samples` unsent samples and count them as sent."""
        position = max(self.sent, self._start)
        low = (position - self._start) * SAMPLE_BYTES
        pcm = bytes(self._pcm[low : low + samples * SAMPLE_BYTES])
        self.sent = position + len(pcm) // SAMPLE_BYTES
        return position, pcm

    def rewind(self, position: int) -> None:
        """Send again from `position`, as far as it is still held."""
        self.sent = max(position, self._start)
        self.is_end_told = False

    def forget_before(self, position: int) -> None:
        """Let go of samples that have been played."""
        count = min(position, self.sent) - self._start
        if count > REPLY_HZ:  # moving the rest costs; once a second is enough
            del self._pcm[: count * SAMPLE_BYTES]
            self._start += count

    def stage(self, name: str, seconds: float) -> None:
        """Add a stage of its turn's time."""
        self.stages.append(conversation.TurnReport.Stage(name=name, ms=seconds * 1000))
