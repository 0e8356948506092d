"""Upgrade: the beginning of a WebSocket, which is HTTP: a request, and an answer that opens it or does not. No I/O."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

SUBPROTOCOL: Final = Subprotocol("parley.v1")

Refusal = tuple[HTTPStatus, str]
Admit = Callable[[Request], Refusal | Response | None]
"""Returns what is answered over HTTP instead, in a few words or in full; None lets the WebSocket open."""

_END: Final = b"\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    """What to send; whether the WebSocket is open now; and what has come for it already."""

    head: bytes
    is_open: bool
    rest: bytes


class Upgrade:
    """One connection's. The library reads and answers the request; of WebSocket's frames it sees nothing."""

    def __init__(self, admit: Admit) -> None:
        self._admit = admit
        self._protocol = ServerProtocol(
            subprotocols=[SUBPROTOCOL], select_subprotocol=_choose_subprotocol, logger=_quiet_logger()
        )
        self._last_bytes = b""

    def feed(self, data: bytes) -> Answer | None:
        """Take bytes; return the answer as soon as there is one."""
        known = self._last_bytes + data
        end = known.find(_END)
        of_request = len(data) if end < 0 else end + len(_END) - len(self._last_bytes)
        self._last_bytes = known[-len(_END) + 1 :]
        self._protocol.receive_data(data[:of_request])
        for request in self._protocol.events_received():
            assert isinstance(request, Request)
            self._protocol.send_response(self._answer(request))
        if not (writes := self._protocol.data_to_send()):
            return None
        return Answer(b"".join(writes), self._protocol.state is State.OPEN, data[of_request:])

    def _answer(self, request: Request) -> Response:
        instead = self._admit(request)
        if instead is None:
            return self._protocol.accept(request)
        return instead if isinstance(instead, Response) else self._protocol.reject(*instead)


def _choose_subprotocol(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Take ours where it is offered; go on without one otherwise."""
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def _quiet_logger() -> logging.Logger:
    """Return a logger for the library, which would log a traceback for every stray browser and port scanner."""
    logger = logging.getLogger("parley.ingress.websockets")
    logger.setLevel(logging.CRITICAL)
    return logger
