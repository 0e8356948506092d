"""Upstream: what ingress is told, by whichever Listen stream there is, and what waits for the next one."""

from __future__ import annotations

from collections import deque
from typing import Final

from parley.v1 import stream_pb2
from parley.v1 import vad_service_pb2 as wire
from services.common.outbox import Outbox

_OUTBOX_MESSAGES: Final = 2_000
_LASTING: Final = frozenset({"hangup", "notice", "peer_lost"})
"""What is as true for whoever comes next."""
_MOST_KEPT: Final = 16


class Upstream:
    """One session's way back. While nobody is there, what passes is left out, and what lasts is kept.

    Policy when too much is kept: the oldest goes. A session has one hangup, a few notices, and seldom a lost egress.
    """

    def __init__(self) -> None:
        self.outbox: Outbox[wire.ListenResponse] = Outbox(_OUTBOX_MESSAGES)
        self._kept: deque[wire.ListenResponse] = deque(maxlen=_MOST_KEPT)

    def tell(self, response: wire.ListenResponse) -> None:
        """Send it, or keep it if it lasts. Raises LimitFault when ingress does not read."""
        if not self.outbox.is_closed:
            self.outbox.control(response)
        elif response.WhichOneof("message") in _LASTING:
            self._kept.append(response)

    def leave(self, reason: stream_pb2.StreamEnd.Reason.ValueType, detail: str = "") -> None:
        """End the present stream; another may follow."""
        self.outbox.close(wire.ListenResponse(end=stream_pb2.StreamEnd(reason=reason, detail=detail)))

    def join(self) -> None:
        """There is another stream; what is told from now on goes there."""
        self.outbox = Outbox(_OUTBOX_MESSAGES)

    def catch_up(self) -> None:
        """Tell what was kept."""
        while self._kept:
            self.tell(self._kept.popleft())
