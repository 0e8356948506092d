"""The client's loudspeaker, as the broker's tests play it: its clock says what was heard."""

from __future__ import annotations

import asyncio

from parley.v1 import egress_service_pb2 as egress
from tests.integration.broker_peers import MS, Egress

_REPORT_S = 0.05
"""How often it says how far it is."""


class Speaker:
    """The client's loudspeaker: it plays what egress is given, in order, at so many times its pace."""

    def __init__(self, egress: Egress, speed: float) -> None:
        self.heard: dict[int, int] = {}
        """Samples by reply that have left it."""
        self.given: dict[int, int] = {}
        self.ended: set[int] = set()
        self.faults: list[str] = []
        self._egress = egress
        self._speed = speed
        self._floor = 0
        self._is_shut = False
        self._clock_s = 0.0
        egress.on_request = self._take

    def _take(self, request: egress.SpeakRequest) -> None:
        match request.WhichOneof("message"):
            case "interrupt":
                self._floor = max(self._floor, request.interrupt.floor)
                self._is_shut = False
            case "audio":
                reply, position = request.audio.reply, request.audio.position
                if reply <= self._floor:
                    return  # a verdict overtakes what was under way; egress drops it
                if reply in self.ended:
                    self.faults.append(f"reply {reply} sounded after its end")
                if position != self.given.get(reply, 0):
                    self.faults.append(f"reply {reply} went on at {position}, not at {self.given.get(reply, 0)}")
                self.given[reply] = position + len(request.audio.pcm) // 2
            case "reply_ended":
                self.ended.add(request.reply_ended.reply)

    async def play(self) -> None:
        """Play for ever, and report."""
        self._clock_s = asyncio.get_running_loop().time()
        reported_s = 0.0
        while True:
            await asyncio.sleep(0.01)
            done = self._advance()
            if done is not None or self._clock_s - reported_s >= _REPORT_S:
                reported_s = self._clock_s
                if (reply := done or self._sounding()) is not None and reply in self.heard:
                    await self._egress.played(reply, self.heard[reply] / MS, ended=done is not None)

    def _sounding(self) -> int | None:
        """The reply that is heard now."""
        living = (n for n in sorted(self.given) if n > self._floor and not self._is_over(n))
        return next(living, None)

    def _is_over(self, reply: int) -> bool:
        return reply in self.ended and self.heard.get(reply, 0) == self.given[reply]

    def _advance(self) -> int | None:
        """Play up to now; return a reply that was played to its end by it."""
        now_s = asyncio.get_running_loop().time()
        samples, self._clock_s = int((now_s - self._clock_s) * self._speed * 1000 * MS), now_s
        if self._is_shut or (reply := self._sounding()) is None:
            return None
        self.heard[reply] = min(self.heard.get(reply, 0) + samples, self.given[reply])
        return reply if self._is_over(reply) else None

    def fall_silent(self) -> tuple[int, int]:
        """Play nothing more of what there is; return the reply that was heard, and its last sample."""
        self._advance()
        self._is_shut = True
        reply = self._sounding()
        last = max(self.heard, default=0) if reply is None else reply
        return last, self.heard.get(last, 0)

    @property
    def is_quiet(self) -> bool:
        """True when all that was given has been heard."""
        return self._sounding() is None

    def slow_down(self, speed: float) -> None:
        """Play at so many times the pace from now on."""
        self._speed = speed
