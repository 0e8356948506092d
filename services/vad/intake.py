"""Intake: what comes of ingress, in its place: no sound twice, none missing, and never too much at once."""

from __future__ import annotations

import time
from collections.abc import Callable

from parley.v1 import vad_service_pb2 as wire
from services.common.errors import ParleyError
from services.vad.backlog import Backlog, Soon, next_turn
from services.vad.mic_clock import MicClock


class Intake:
    """One session's, over every Listen stream it has. What is to be taken is given to `take`, in order.

    `begin_at` is told of the first sample if that is later than the one that was wanted.
    """

    def __init__(
        self,
        take: Callable[[wire.ListenRequest], None],
        begin_at: Callable[[int], None],
        fail: Callable[[ParleyError], None],
        clock: Callable[[], float] = time.monotonic,
        soon: Soon = next_turn,
    ) -> None:
        self._begin_at = begin_at
        self._mic = MicClock()
        self._backlog = Backlog(take, fail, clock, soon)
        self._is_awaited = False
        self._wanted = 0

    @property
    def received(self) -> int:
        """Sound before this has been received, in samples since the session began."""
        return self._mic.received

    @property
    def is_past(self) -> bool:
        """What is heard now has gone by."""
        return self._backlog.is_past

    @property
    def replayed_ms(self) -> int:
        """How much sound came so fast that it had to wait."""
        return self._backlog.waited_ms

    def await_start(self) -> None:
        """Nobody knows yet from where on sound is wanted: all of it is sent again, and what else comes waits."""
        self._is_awaited = True
        self._backlog.hold()

    def start(self, offset: int, needless_silence: int | None) -> None:
        """Sound is wanted from this sample on (see `MicClock.start`)."""
        self._wanted = offset
        self._mic.start(offset, needless_silence)

    def release(self) -> None:
        """All is ready: take what waits."""
        self._is_awaited = False
        self._backlog.release()

    def put(self, request: wire.ListenRequest) -> None:
        """Take a message that has its place among the sound.

        Raises:
            ProtocolFault: the microphone's clock jumped, or a frame holds half a sample.
            LimitFault: too much waits.
        """
        if request.WhichOneof("message") not in ("audio", "gap"):
            self._backlog.put(request)
            return
        if self._is_awaited:
            return
        has_begun = self._mic.has_begun
        placed = self._mic.place(request)
        if not has_begun and (first := _offset(placed[0]) if placed else self._mic.received) > self._wanted:
            self._begin_at(first)  # what was before it is nobody's any more
        for piece in placed:
            self._backlog.put(piece)

    def close(self) -> None:
        """Forget what waits."""
        self._backlog.clear()


def _offset(request: wire.ListenRequest) -> int:
    return request.gap.mic_offset if request.WhichOneof("message") == "gap" else request.audio.mic_offset
