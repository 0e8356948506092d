"""Mouth: what goes to egress, and when. Nothing does before it is known what an egress holds that was not there before.

The core has its own copy of every reply, so what was on its way to an egress that is gone is simply dropped: the next
one is given what it lacks. Only the person's words, of which there is no copy, wait here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import stream_pb2
from services.common.outbox import Outbox

MESSAGES: Final = 8_000
"""That may wait for an egress which does not read; more end the session."""

_CONTROL: Final = frozenset({"interrupt"})
_CAPTIONS: Final = 100
"""The newest of the person's captions are kept for the next egress."""
_REPORTS: Final = 256
"""Of what was played, while nobody can make anything of it yet."""


class Mouth:
    """One session's. `gives` False: what egress holds is not known yet."""

    def __init__(self, *, gives: bool) -> None:
        self.outbox: Outbox[egress.SpeakRequest] = Outbox(MESSAGES)
        self.gives = gives
        self.held: egress.Held | None = None
        """What egress holds, until something is done about it."""
        self.is_told = asyncio.Event()
        """Set while `held` is there."""
        self._captions: deque[egress.SpeakRequest] = deque(maxlen=_CAPTIONS)
        self._played: deque[egress.Played] = deque(maxlen=_REPORTS)

    def say(self, request: egress.SpeakRequest) -> None:
        """Send a message to egress, if it may have any. Raises LimitFault."""
        if self.gives and request.WhichOneof("message") in _CONTROL:
            self.outbox.control(request)
        elif self.gives:
            self.outbox.audio(request)
        elif request.caption.who == client.Caption.WHO_USER:
            self._captions.append(request)

    # Another egress.

    def shut(self) -> None:
        """There is no egress, or it is not known what it holds."""
        self.gives, self.held = False, None
        self.is_told.clear()
        self._played.clear()

    def renew(self) -> Outbox[egress.SpeakRequest]:
        """Return the outbox of another stream."""
        self.outbox = Outbox(MESSAGES)
        return self.outbox

    def hold(self, held: egress.Held) -> None:
        """Egress holds so much; nobody can do anything about it yet."""
        self.held = held
        self.is_told.set()

    def keep(self, played: egress.Played) -> None:
        """Keep a report, for the same reason."""
        self._played.append(played)

    def kept(self) -> list[egress.Played]:
        """Return the reports that were kept, and forget them."""
        played, self._played = list(self._played), deque(maxlen=_REPORTS)
        return played

    def open(self) -> None:
        """From now on everything goes to egress."""
        self.gives, self.held = True, None

    def say_rest(self) -> None:
        """Send what had to wait. Raises LimitFault."""
        waiting, self._captions = list(self._captions), deque(maxlen=_CAPTIONS)
        for request in waiting:
            self.say(request)

    def close(self, end: stream_pb2.StreamEnd) -> None:
        """Send the last message."""
        self.outbox.close(egress.SpeakRequest(end=end))
