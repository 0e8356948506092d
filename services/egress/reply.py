"""ReplyBuffer: one reply as egress holds it, from the first sample not yet played to the last one given."""

from __future__ import annotations

from typing import Final

from parley.v1 import conversation_service_pb2 as conversation
from parley.v1 import egress_service_pb2 as wire
from services.common.audio import REPLY_HZ, SAMPLE_BYTES
from services.common.errors import LimitFault, ProtocolFault
from services.egress.words import Words

MAX_HELD_S: Final = 150
"""More than the 120 s that a broker may run ahead; what passes this is a fault, not a long answer."""

ALL: Final = 1 << 62
"""More samples than any reply has."""


class ReplyBuffer:
    """The samples of one reply [start, end), the words that go with them, and how far they have been sent."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.turn = 0
        self.traceparent = ""
        self.stages: list[conversation.TurnReport.Stage] = []
        self.words = Words()
        self.first_received_s: float | None = None
        self.first_sent_s: float | None = None
        self.is_begun = False
        self.is_reported = False
        self.is_complete = False
        self.is_end_told = False
        self.is_orphan = False
        """True when its broker has gone in the middle of it, and nobody has gone on with it."""
        self.is_ended = False
        """True when it was heard to its end."""
        self.is_dead = False
        """True when a verdict cut it off."""
        self.sent = 0
        self.played = 0
        self._start = 0
        self._pcm = bytearray()

    @property
    def end(self) -> int:
        """Samples given so far."""
        return self._start + len(self._pcm) // SAMPLE_BYTES

    @property
    def unsent(self) -> int:
        """Samples given and not yet sent."""
        return max(self.end - self.sent, 0)

    @property
    def is_sent(self) -> bool:
        """True when nothing is left to send."""
        return self.is_complete and self.sent >= self.end

    def begin(self, started: wire.ReplyStarted) -> None:
        """Take what is known of it; its words may have come before. The second time changes nothing."""
        if not self.is_begun:
            self.is_begun = True
            self.turn = started.turn
            self.traceparent = started.traceparent
            self.stages = list(started.stages)

    def adopt(self) -> None:
        """Somebody goes on with it whose broker had gone; it may have been ended meanwhile, for want of anybody."""
        if self.is_orphan:
            self.is_orphan = self.is_complete = self.is_end_told = False

    def append(self, position: int, pcm: bytes) -> None:
        """Add samples; what overlaps with what is here (a replay) is skipped.

        The first may lie in the middle of the reply: then what came before was played from another egress.

        Raises:
            ProtocolFault: samples are missing in between.
            LimitFault: more is held than any reply may need.
        """
        if position and not self.end:
            self._start = position
            self.sent = max(self.sent, position)
            self.is_reported = True  # whoever played its beginning has told of it
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
        """Send again from `position`, as far as it is still held; of one that is yet to come, nothing before that."""
        self.sent = max(position, self._start)
        self.is_end_told = False

    def pass_over(self) -> None:
        """Send nothing of it: the listener has been sent all."""
        self.sent = ALL
        self.is_end_told = True

    def note_played(self, position: int) -> None:
        """Note how much of it has left the speaker, and let go of that."""
        self.played = max(self.played, position)
        count = min(position, self.sent, self.end) - self._start
        if count > REPLY_HZ:  # moving the rest costs; once a second is enough
            del self._pcm[: count * SAMPLE_BYTES]
            self._start += count

    def let_go(self) -> None:
        """Let go of the samples; what is known of it remains."""
        self._start = self.end
        self._pcm.clear()

    def stage(self, name: str, seconds: float) -> None:
        """Add a stage of its turn's time."""
        self.stages.append(conversation.TurnReport.Stage(name=name, ms=seconds * 1000))

    def held(self) -> wire.HeldReply:
        """Return what a broker is told of it."""
        return wire.HeldReply(
            reply=self.number,
            turn=self.turn,
            samples=self.end,
            complete=self.is_complete and not self.is_orphan,
            played=min(self.played, self.end),
            ended=self.is_ended,
            captions=self.words.given,
            dead=self.is_dead,
            traceparent=self.traceparent,
        )
