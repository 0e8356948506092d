"""Outbox: everything one writer task will send on one stream: control before audio, audio before captions."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from services.common.errors import LimitFault

T = TypeVar("T")

OVERTAKEN: Final = 25
"""So many pieces of audio may overtake a caption: one or two seconds. Then it goes, or it would be of no use."""

_MAX_CAPTIONS: Final = 500


@dataclass
class OutboxStatistics:
    """What an outbox has seen."""

    sent: int = 0
    dropped: int = 0
    captions_dropped: int = 0
    deepest: int = 0


class Outbox(Generic[T]):
    """Three lanes into one writer: control goes first, audio keeps its order, captions fill its pauses.

    What must not overtake audio (a reply's end, a turn's end) goes into the audio lane. No lane waits: a putter never
    blocks. Policy when the audio lane is full: with `drop_oldest` the oldest audio goes (a client that reads too
    slowly), else LimitFault is raised (inside the ring audio is never dropped). Of captions the oldest go.
    """

    def __init__(self, max_audio: int, *, drop_oldest: bool = False, max_control: int = 1000) -> None:
        self._control: deque[T] = deque()
        self._audio: deque[T] = deque()
        self._captions: deque[tuple[int, T]] = deque(maxlen=_MAX_CAPTIONS)
        self._audio_sent = 0
        self._last: deque[T] = deque(maxlen=1)
        self._max_audio = max_audio
        self._max_control = max_control
        self._drop_oldest = drop_oldest
        self._wake = asyncio.Event()
        self._closed = False
        self.statistics = OutboxStatistics()

    def control(self, message: T) -> None:
        """Send `message` before any audio.

        Raises:
            LimitFault: the peer has not read for so long that even control piles up.
        """
        if self._closed:
            return
        if len(self._control) >= self._max_control:
            raise LimitFault("the peer does not read: too many control messages wait")
        self._control.append(message)
        self._wake.set()

    def audio(self, message: T) -> None:
        """Send `message` after the audio before it.

        Raises:
            LimitFault: the lane is full and may not drop.
        """
        if self._closed:
            return
        if len(self._audio) >= self._max_audio:
            if not self._drop_oldest:
                raise LimitFault(f"the next stage does not read: {self._max_audio} messages of audio wait")
            self._audio.popleft()
            self.statistics.dropped += 1
        self._audio.append(message)
        self.statistics.deepest = max(self.statistics.deepest, len(self._audio))
        self._wake.set()

    def caption(self, message: T) -> None:
        """Send `message` once no audio waits, or enough of it has gone first."""
        if self._closed:
            return
        self.statistics.captions_dropped += len(self._captions) == _MAX_CAPTIONS
        self._captions.append((self._audio_sent + OVERTAKEN, message))
        self._wake.set()

    @property
    def is_closed(self) -> bool:
        """True when nothing more can be put."""
        return self._closed

    def clear_audio(self) -> int:
        """Forget waiting audio and say how many messages went. The last message stays."""
        count = len(self._audio)
        self._audio.clear()
        return count

    def close(self, last: T | None = None) -> None:
        """Send what waits, then `last`, then end. Later puts are ignored."""
        if not self._closed:
            if last is not None:
                self._last.append(last)
            self._closed = True
            self._wake.set()

    def __len__(self) -> int:
        return len(self._control) + len(self._audio) + len(self._captions) + len(self._last)

    async def __aiter__(self) -> AsyncIterator[T]:
        """Yield what is to be sent; end when closed and empty. For the one writer task."""
        while True:
            while len(self):
                self.statistics.sent += 1
                yield self._take()
            if self._closed:
                return
            self._wake.clear()
            await self._wake.wait()

    def _take(self) -> T:
        """Take what goes next; something waits."""
        if self._control:
            return self._control.popleft()
        if self._captions and (not self._audio or self._captions[0][0] <= self._audio_sent):
            return self._captions.popleft()[1]
        if self._audio:
            self._audio_sent += 1
            return self._audio.popleft()
        return self._last.popleft()
