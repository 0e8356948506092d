"""Verdicts: vad's numbered words on who has the floor, by all their ways, and through changes of vad."""

from __future__ import annotations

from typing import Final

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2
from services.common.gate import Gate

DUCK_DB: Final = -20.0

ROOM: Final = 16
"""Numbers left above the highest verdict seen when another vad begins: the last ones may never have arrived."""

SETTLE_MS: Final = 5_000
"""How long after a takeover a cancel may wait for its floor: more than that, and nobody knows it any more."""


class Verdicts:
    """One session's. `take` returns what the client is to be told, if anything.

    Of a session that has begun elsewhere: the last cancel carried out, its floor, and the highest number `seen`.
    """

    def __init__(self, seq: int = 0, floor: int = 0, seen: int = 0) -> None:
        self.gate = Gate()
        self._last = max(seq, seen)
        """The highest number acted upon."""
        self._reserved = self._last
        """The highest number that may be in use."""
        self._ducked = False
        self._shut_by: session_pb2.Interrupt | None = None
        self._unsettled_ms: int | None = None
        if floor:
            self.gate.open(seq, floor)

    @property
    def unsettled(self) -> session_pb2.Interrupt | None:
        """The cancel whose floor has not come in band yet."""
        shut = self._shut_by
        return shut if shut is not None and self.gate.unsettled_seq == shut.seq else None

    def take(
        self, interrupt: session_pb2.Interrupt, *, playing: int, has_floor: bool = False
    ) -> client.ConverseResponse | None:
        """Take a verdict: on Listen, on the topic, or in band with its floor, while the client hears reply `playing`.

        A cancel that leaves that reply alone is of the past: told by egress, or the record, to who begins here.
        """
        if interrupt.kind == session_pb2.Interrupt.KIND_CANCEL:
            news = self._cancel(interrupt, has_floor=has_floor)
            self._last = max(self._last, interrupt.seq)
            if not news or (has_floor and interrupt.floor < playing):
                return None
            self._ducked = False
            floor = max(playing, interrupt.floor)
            return client.ConverseResponse(flush=client.Flush(seq=interrupt.seq, floor=floor))
        if interrupt.seq <= self._last:
            return None
        self._last = interrupt.seq
        match interrupt.kind:
            case session_pb2.Interrupt.KIND_DUCK:
                self._ducked = True
                return client.ConverseResponse(duck=client.Duck(seq=interrupt.seq, gain_db=DUCK_DB))
            case session_pb2.Interrupt.KIND_RELEASE:
                self._ducked = False
                return client.ConverseResponse(release=client.Release(seq=interrupt.seq))
        return None

    def reserve(self) -> int:
        """Return the number above which a vad that begins numbers its verdicts."""
        self._reserved = max(self._last, self._reserved) + ROOM
        return self._reserved

    def change_vad(self, reserved: int) -> client.ConverseResponse | None:
        """Another vad has been asked, above `reserved`: what the last one says late is void. Its duck is undone."""
        self.gate.fence(reserved)
        self._unsettled_ms = 0
        if not self._ducked:
            return None
        self._ducked = False
        self._last += 1
        return client.ConverseResponse(release=client.Release(seq=self._last))

    def catch_up(self, client_seq: int, playing: int) -> client.ConverseResponse | None:
        """Return what a client that resumes has missed, which saw `client_seq` last and hears reply `playing`."""
        seq = max(self._last, self.gate.seq)
        if seq <= client_seq:
            return None
        if 0 < playing <= self.gate.floor:
            return client.ConverseResponse(flush=client.Flush(seq=seq, floor=self.gate.floor))
        return client.ConverseResponse(release=client.Release(seq=seq))

    def tick(self, ms: int, playing: int) -> None:
        """Note that time has passed. A gate that nobody will open is a conversation without a voice."""
        if self._unsettled_ms is None:
            return
        self._unsettled_ms += ms
        if self.unsettled is None:
            self._unsettled_ms = None
        elif self._unsettled_ms > SETTLE_MS:
            self.gate.open(self.gate.unsettled_seq, max(playing, self.gate.floor))
            self._unsettled_ms = None

    def _cancel(self, interrupt: session_pb2.Interrupt, *, has_floor: bool) -> bool:
        if has_floor:
            return self.gate.open(interrupt.seq, interrupt.floor)
        news = self.gate.shut(interrupt.seq)
        if news:
            self._shut_by = interrupt
        return news
