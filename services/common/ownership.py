"""Ownership: which stream of a session counts. A stage refuses a (lease, dial) lower than one it has seen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from parley.v1 import stream_pb2 as wire
from services.common.errors import ProtocolFault, Superseded, VersionFault

PROTOCOL: Final = 1
_REMEMBERED: Final = 10_000
"""Sessions whose last (lease, dial) is remembered after their stream has gone, so that a late waker is refused."""


@dataclass
class Claim:
    """One stream's claim on a session."""

    session: str
    lease: int
    dial: int
    on_superseded: Callable[[], None]


class Ownership:
    """Keeps the highest (lease, dial) of each session; a higher claim ends the stream of the lower one."""

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}
        self._seen: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._claims)

    @contextmanager
    def claim(self, opened: wire.StreamOpen, on_superseded: Callable[[], None]) -> Iterator[Claim]:
        """Hold the session for the life of a stream.

        Raises:
            Superseded: a stream with as high a (lease, dial) was here before.
        """
        mine = Claim(opened.session, opened.lease, opened.dial, on_superseded)
        if (mine.lease, mine.dial) <= self._seen.get(mine.session, (-1, -1)):
            raise Superseded(
                f"session {mine.session} belongs to a later connection (lease {self._seen[mine.session][0]})"
            )
        if (older := self._claims.get(mine.session)) is not None:
            older.on_superseded()
        self._claims[mine.session] = mine
        self._seen[mine.session] = (mine.lease, mine.dial)
        self._seen.move_to_end(mine.session)
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        try:
            yield mine
        finally:
            if self._claims.get(mine.session) is mine:
                del self._claims[mine.session]

    def rise(self, mine: Claim, opened: wire.StreamOpen) -> None:
        """Go on with the same stream under a later (lease, dial): what is below it is refused from now on."""
        mine.lease, mine.dial = opened.lease, opened.dial
        self._seen[mine.session] = max(self._seen.get(mine.session, (-1, -1)), (opened.lease, opened.dial))


def checked(kind: str | None, opened: wire.StreamOpen) -> wire.StreamOpen:
    """Return the opening of a stream after checking it.

    Raises:
        ProtocolFault: the first message was not `open`, or names no session.
        VersionFault: it speaks another version.
    """
    if kind != "open":
        raise ProtocolFault(f"the first message of a stream must be open, not {kind or 'empty'}")
    if opened.protocol != PROTOCOL:
        raise VersionFault(f"this stage speaks version {PROTOCOL} of the ring's wires, not {opened.protocol}")
    if not opened.session:
        raise ProtocolFault("open names no session")
    return opened
