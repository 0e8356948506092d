"""Admission: who gets to have a session: those whose first message is a good Open, as long as there is room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from parley.v1 import conversation_service_pb2 as client
from services.common.errors import FullFault, LimitFault, ProtocolFault
from services.common.room import Room
from services.ingress.limits import Limits
from services.ingress.version import common_version

STAGE: Final = "this server"
"""What ingress calls itself to its callers."""

_MAX_NAME: Final = 64


class Place:
    """One session's place in the house. Freeing it again changes nothing."""

    def __init__(self, free: Callable[[], None]) -> None:
        self._free: Callable[[], None] | None = free

    def free(self) -> None:
        """Let somebody else have it."""
        if self._free is not None:
            free, self._free = self._free, None
            free()


class Admission:
    """One ingress's. `make_room` is asked to free a place, if it can, when there is none."""

    def __init__(self, limits: Limits, make_room: Callable[[], None], room: Room | None = None) -> None:
        self._limits = limits
        self._room = room or Room(STAGE, limits.max_sessions)
        self._make_room = make_room
        self._admitted = 0
        self._is_stopping = False

    def stop(self) -> None:
        """Admit nobody any more."""
        self._is_stopping = True

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

    def place(self, *, resumes: bool = False, replaces: bool = False) -> Place:
        """Return a place; for who `replaces` a session, there is one anyway. Raises FullFault when there is none."""
        if self._is_stopping:
            raise FullFault("this server is going away; try again in a moment, or another server.")
        if not replaces:
            if self._admitted >= self._room.most:
                self._make_room()
            self._room.admit(self._admitted, resumes=resumes)
        self._admitted += 1
        return Place(self._leave)

    def _leave(self) -> None:
        self._admitted -= 1


def checked_open(opened: client.Open) -> client.Open:
    """Return the client's Open after checking it. Raises VersionFault or LimitFault."""
    common_version(opened)
    if len(opened.agent) > _MAX_NAME:
        raise LimitFault(f"the agent's name is longer than {_MAX_NAME} characters; shorten it.", limit="agent_name")
    return opened
