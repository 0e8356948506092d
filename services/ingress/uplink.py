"""Uplink: everything on its way to vad, in its order: kept, and given to the vad of the moment once that is ready."""

from __future__ import annotations

from collections import Counter
from typing import Final

from parley.v1 import session_pb2, stream_pb2
from parley.v1 import vad_service_pb2 as vad
from services.common.audio import MIC_HZ, ms_of
from services.common.errors import LimitFault
from services.common.outbox import Outbox
from services.ingress.retention import MAX_RETAINED, Retention

PRESSED_MS: Final = 3_000
"""A key that vad was told of, and that no verdict has answered: told again, if vad is lost within this time."""


class Uplink:
    """One session's. A vad that does not read is found by `is_stuck`; what it was to be given is kept."""

    def __init__(self, max_at_once: int) -> None:
        self.retention = Retention()
        self.counters: Counter[str] = Counter()
        self.is_ready = False
        self.is_stuck = False
        self.outbox: Outbox[vad.ListenRequest] = Outbox(0)
        self._max_at_once = max_at_once
        self._has_begun = False
        self._hear_from = 0
        self._pressed: list[vad.ListenRequest] = []
        self._pressed_ms = 0

    def dial(self, open_: stream_pb2.StreamOpen, unsettled: session_pb2.Interrupt | None) -> Outbox[vad.ListenRequest]:
        """Begin with another vad: it hears nothing until it is ready. Returns what its stream is to be given."""
        self.is_ready = self.is_stuck = False
        self.outbox = Outbox(self._max_at_once + MAX_RETAINED, max_control=self._max_at_once)
        self.outbox.control(vad.ListenRequest(open=open_))
        if unsettled is not None:
            self.outbox.control(vad.ListenRequest(unsettled=unsettled))
        return self.outbox

    def ready(self, hear_from: int) -> None:
        """Give a vad that is ready what is kept from that sample on; what comes next follows it."""
        self.is_ready, self._hear_from = True, hear_from
        if self._has_begun:
            since = max(hear_from, self.retention.begins)
            self.counters["replayed_ms"] += int(ms_of(max(self.retention.clock - since, 0), MIC_HZ))
        self._has_begun = True
        for request in self.retention.replay(hear_from):
            self._put(request)
        for request in self._pressed:
            self._put(request)
        self._pressed_ms = 0

    def keep(self, request: vad.ListenRequest) -> None:
        """Give what has its place in the order, and can be given again: but only keep what vad has heard already."""
        for wanted in self.retention.keep(request, self._hear_from):
            if self.is_ready:
                self._put(wanted)

    def press(self, request: vad.ListenRequest, *, at_once: bool) -> None:
        """Give what takes the floor now, before all that waits or behind it. Given again it would take another one."""
        self._pressed.append(request)
        self._pressed_ms = 0
        if not self.is_ready:
            del self._pressed[:-2]  # whoever keeps pressing means the same
        else:
            self._put(request, at_once=at_once)

    def answered(self) -> None:
        """Note that vad has cancelled: the keys were heard."""
        self._pressed.clear()

    def reroute(self, reroute: stream_pb2.Reroute) -> None:
        """Tell who listens of another egress."""
        self._put(vad.ListenRequest(reroute=reroute), at_once=True)

    def tick(self, ms: int) -> None:
        """Note that time has passed."""
        self._pressed_ms += ms if self.is_ready else 0
        if self._pressed_ms > PRESSED_MS:
            self._pressed.clear()

    def _put(self, request: vad.ListenRequest, *, at_once: bool = False) -> None:
        try:
            if at_once:
                self.outbox.control(request)
            else:
                self.outbox.audio(request)
        except LimitFault:  # not the client's fault, and another vad may read
            self.is_ready, self.is_stuck = False, True
