"""What waits to be sent: control before audio, and never more microphone than a late server could still use."""

from __future__ import annotations

import asyncio
from collections import deque

from parley.v1.conversation_service_pb2 import ConverseRequest

LARGEST_BACKLOG_FRAMES = 100
"""2 s of microphone. A stall shorter than that loses no word; a longer one loses the oldest, and frames are counted."""


class Outbox:
    """The queue between the conversation and its one writer. Audio beyond the backlog pushes the oldest out."""

    def __init__(self, backlog_frames: int = LARGEST_BACKLOG_FRAMES) -> None:
        self.dropped_frames = 0
        """Microphone frames that were pushed out; the server sees the hole in mic_offset."""
        self._control: deque[ConverseRequest] = deque()
        self._audio: deque[ConverseRequest] = deque()
        self._backlog = backlog_frames
        self._last: ConverseRequest | None = None
        self._ready = asyncio.Event()

    def put(self, request: ConverseRequest) -> None:
        """Queue a request; after `close` it is ignored."""
        if self._last is not None:
            return
        if request.WhichOneof("message") == "audio":
            self._audio.append(request)
            if len(self._audio) > self._backlog:
                self._audio.popleft()
                self.dropped_frames += 1
        else:
            self._control.append(request)
        self._ready.set()

    def close(self, last: ConverseRequest) -> None:
        """Queue the last request, before any audio that still waits; a second close is ignored."""
        if self._last is None:
            self._audio.clear()
            self._control.append(last)
            self._last = last
            self._ready.set()

    async def get(self) -> ConverseRequest | None:
        """Return the next request to send; None once the last one was returned."""
        while not (self._control or self._audio):
            if self._last is not None:
                return None
            self._ready.clear()
            await self._ready.wait()
        return self._control.popleft() if self._control else self._audio.popleft()
