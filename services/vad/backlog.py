"""Backlog: what came faster than time passes is heard in slices, so that nobody else waits for it.

A vad that takes over is sent what ingress has kept, up to a minute at once. It waits here, keys and words in their
places among the sound, and a quarter of a second of it is heard in each turn of the event loop. While more than a
second of it waits, or has come faster than time passes, it is the past that is being heard; less may come of a hiccup
of the network.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from parley.v1 import vad_service_pb2 as wire
from services.common.audio import pcm_samples
from services.common.boundary import contained
from services.common.errors import LimitFault, ParleyError
from services.vad.voice import SAMPLES_PER_MS

log = logging.getLogger("parley.vad")

Soon: TypeAlias = Callable[[Callable[[], None]], Any]
"""Calls a function in the next turn; an event loop's `call_soon`."""

SLICE_MS: Final = 240
"""What is heard in one turn of the event loop: 3 ms of work, or 12 if somebody speaks over a reply."""
PAST_MS: Final = 1_000
"""Sound that is later than this is the past."""
MOST_WAITING: Final = 8_000
"""Messages: more than ingress keeps."""
_FADING: Final = 2.0
"""How fast sound that came ahead of its time becomes timely, in ms for each ms that passes: one for the sound that
comes meanwhile, one for what was ahead."""
_MOST_AHEAD_MS: Final = 1_200.0
"""More than this is not counted, so that the present is known 200 ms after the last of the past was heard."""


def next_turn(step: Callable[[], None]) -> object:
    """Call `step` in the next turn of the running event loop."""
    return asyncio.get_running_loop().call_soon(step)


class Backlog:
    """One session's. Everything that has its place among the sound goes through it, in order.

    Policy when full: LimitFault. Nothing of it may be left out, and no honest ingress has so much.
    """

    def __init__(
        self,
        take: Callable[[wire.ListenRequest], None],
        fail: Callable[[ParleyError], None],
        clock: Callable[[], float] = time.monotonic,
        soon: Soon = next_turn,
    ) -> None:
        self.waited_ms = 0
        """How much sound had to wait."""
        self._take = take
        self._fail = fail
        self._clock = clock
        self._soon = soon
        self._waiting: deque[wire.ListenRequest] = deque()
        self._waiting_ms = 0
        self._is_held = False
        self._is_due = False
        self._ahead_ms = 0.0
        self._at_s = clock()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_past(self) -> bool:
        """What is heard now has gone by."""
        if self._ahead_ms <= PAST_MS:
            return self._waiting_ms > PAST_MS
        ahead_ms = self._ahead_ms - (self._clock() - self._at_s) * 1000 * _FADING
        return ahead_ms > PAST_MS or self._waiting_ms > PAST_MS

    def hold(self) -> None:
        """Let everything wait until it is `release`d."""
        self._is_held = True

    def release(self) -> None:
        """Hear what waits."""
        self._is_held = False
        self._wake()

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._waiting_ms = 0

    def put(self, request: wire.ListenRequest) -> None:
        """Take a message now, or let it wait behind those that do. Raises LimitFault when it is full."""
        now_s, before_s, ms = self._clock(), self._at_s, _ms(request)
        ahead_ms = max(self._ahead_ms - (now_s - before_s) * 1000 * _FADING, 0.0) + ms
        self._at_s, self._ahead_ms = now_s, min(ahead_ms, _MOST_AHEAD_MS)
        if not self._is_held and not self._waiting and self._ahead_ms <= SLICE_MS:
            self._take(request)
            return
        if len(self._waiting) >= MOST_WAITING:
            raise LimitFault(f"more than {MOST_WAITING} messages wait to be heard")
        self._waiting.append(request)
        self._waiting_ms += ms
        self._wake()

    def _wake(self) -> None:
        if self._waiting and not self._is_due and not self._is_held:
            self._is_due = True
            self._soon(lambda: contained(log, "what waited to be heard", self._step, self._fail))

    def _step(self) -> None:
        self._is_due = False
        room_ms = SLICE_MS
        while self._waiting and room_ms > 0:
            request = self._waiting.popleft()
            ms = _ms(request)
            room_ms -= ms
            self._waiting_ms -= ms
            self.waited_ms += ms
            self._take(request)
        self._wake()


def _ms(request: wire.ListenRequest) -> int:
    """Return how long a message sounds."""
    match request.WhichOneof("message"):
        case "audio":
            return pcm_samples(request.audio.pcm) // SAMPLES_PER_MS
        case "gap":
            return request.gap.ms
        case _:
            return 0
