"""What waits to be sent: urgent words before the microphone, and no more of that than a late server could still use."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from parley.v1.conversation_service_pb2 import ConverseRequest

from .mic_frames import go_as_one, joined, samples_in
from .retention import MARKS
from .sound import MIC_FRAME_SAMPLES

LARGEST_BACKLOG_FRAMES = 400
"""8 s of microphone: a server takes ten that come all at once. A stall shorter than that loses no word; of a longer one
the oldest are lost, and frames are counted."""


class Outbox:
    """The queue between the conversation and its one writer. Audio beyond the backlog pushes the oldest out.

    Keys and typed words stand between two samples, so they wait in one line with the audio. While the connection is
    away (`pause`) only a pressed stop key waits here; `resume` says what goes first over the next connection.
    Frames that wait go together, as many as the server takes in one: each message costs a machine that is late already.
    """

    def __init__(self, backlog_frames: int = LARGEST_BACKLOG_FRAMES) -> None:
        self.dropped_frames = 0
        """Microphone frames that were pushed out; the server sees the hole in mic_offset."""
        self.paused = False
        self.largest_samples = MIC_FRAME_SAMPLES
        """As many a message of the microphone may hold."""
        self._urgent: deque[ConverseRequest] = deque()
        self._again: deque[ConverseRequest] = deque()
        self._in_order: deque[ConverseRequest] = deque()
        self._frames = 0
        self._backlog = backlog_frames
        self._last: ConverseRequest | None = None
        self._ready = asyncio.Event()

    def put(self, request: ConverseRequest) -> None:
        """Queue a request; after `close` it is ignored."""
        kind = request.WhichOneof("message") or ""
        if self._last is not None or (self.paused and kind != "interrupt"):
            return
        if kind == "interrupt" and request in self._urgent:
            return  # whoever keeps pressing means the same
        if kind == "audio":
            self._in_order.append(request)
            self._frames += 1
            if self._frames > self._backlog:
                self._drop_oldest_frame()
        elif kind in MARKS:
            self._in_order.append(request)
        else:
            self._urgent.append(request)
        self._ready.set()

    def pause(self) -> None:
        """Note that the connection is away: nothing is handed out, and what waits is forgotten but for the stop key."""
        self.paused = True
        self._again.clear()
        self._in_order.clear()
        self._frames = 0
        self._urgent = deque(request for request in self._urgent if request.HasField("interrupt"))

    def resume(self, urgent: Iterable[ConverseRequest], again: Iterable[ConverseRequest]) -> None:
        """Begin with a new connection: `urgent` goes first, and `again` before all that is captured from now on."""
        self.pause()
        pressed = list(self._urgent)[-1:]
        self._urgent = deque([*urgent, *pressed] if self._last is None else [self._last])
        self._again = deque(again if self._last is None else ())
        self.paused = False
        self._ready.set()

    def close(self, last: ConverseRequest) -> None:
        """Queue the last request, before any audio that still waits; a second close is ignored."""
        if self._last is None:
            words = [request for request in (*self._again, *self._in_order) if not request.HasField("audio")]
            self._again.clear()
            self._in_order.clear()
            self._frames = 0
            self._urgent.extend([*words, last])
            self._last = last
            self._ready.set()

    def take(self) -> ConverseRequest | None:
        """Return the next request to send; None when there is none."""
        if self.paused:
            return None
        for queue in (self._urgent, self._again, self._in_order):
            if queue:
                return self._take_from(queue)
        return None

    def _take_from(self, queue: deque[ConverseRequest]) -> ConverseRequest:
        """Return what is first, a frame with those that may go with it."""
        first = queue.popleft()
        if not first.HasField("audio"):
            return first
        frames, samples = [first.audio], samples_in(first.audio)
        while queue and queue[0].HasField("audio") and go_as_one(frames[-1], queue[0].audio):
            samples += samples_in(queue[0].audio)
            if samples > self.largest_samples:
                break
            frames.append(queue.popleft().audio)
        if queue is self._in_order:
            self._frames -= len(frames)
        return joined(frames) if len(frames) > 1 else first

    async def get(self) -> ConverseRequest | None:
        """Return the next request to send, when there is one; None once the last one was returned."""
        while (request := self.take()) is None:
            if self._last is not None and not self.paused:
                return None
            self._ready.clear()
            await self._ready.wait()
        return request

    def _drop_oldest_frame(self) -> None:
        kept = next(place for place, request in enumerate(self._in_order) if request.HasField("audio"))
        del self._in_order[kept]
        self._frames -= 1
        self.dropped_frames += 1
