"""Admission: who gets to have a session: those whose first message is a good Open, as long as there is room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

from parley.v1 import conversation_service_pb2 as client
from services.common.errors import FullFault, LimitFault, ProtocolFault, ResumeFault
from services.ingress.limits import Limits
from services.ingress.version import common_version

_MAX_NAME: Final = 64


class Admission:
    """One ingress's."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._admitted = 0

    async def open(self, requests: AsyncIterator[client.ConverseRequest]) -> client.Open:
        """Wait for a caller's Open and return it. Raises what `checked_open` does, ProtocolFault and LimitFault."""
        try:
            async with asyncio.timeout(self._limits.handshake_s):
                first = await anext(requests, client.ConverseRequest())
        except TimeoutError:
            raise LimitFault(
                f"no open came within {self._limits.handshake_s:g} s of the connection; send it first.",
                limit="handshake",
            ) from None
        kind = first.WhichOneof("message")
        if kind != "open":
            raise ProtocolFault(f"the first message of a conversation must be open, not {kind or 'empty'}.")
        return checked_open(first.open)

    @contextmanager
    def room(self) -> Iterator[None]:
        """Hold a place. Raises FullFault when there is none."""
        if self._admitted >= self._limits.max_sessions:
            raise FullFault(
                f"this server holds its {self._limits.max_sessions} sessions; try again in a moment, or another server."
            )
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1


def checked_open(opened: client.Open) -> client.Open:
    """Return the client's Open after checking it. Raises VersionFault, ResumeFault or LimitFault."""
    common_version(opened)
    if opened.resume:
        raise ResumeFault("that session can't be resumed here; open a new one without `resume`.")
    if len(opened.agent) > _MAX_NAME:
        raise LimitFault(f"the agent's name is longer than {_MAX_NAME} characters; shorten it.", limit="agent_name")
    return opened
