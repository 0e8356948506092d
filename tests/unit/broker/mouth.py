"""Egress and the person behind it, for worlds in which either side of it dies: what is held, and what was heard."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress


@dataclass
class Given:
    """A reply as one egress has it."""

    turn: int = 0
    has_begun: bool = False
    start: int | None = None
    end: int = 0
    is_complete: bool = False
    captions: list[client.Caption] = field(default_factory=list)


class Listener:
    """A person with a loudspeaker: whatever egress is there, they hear each sample once."""

    def __init__(self) -> None:
        self.heard: Counter[int] = Counter()
        self.ended: set[int] = set()
        self.last = (0, 0)


class Mouth:
    """One egress. `faults` notes what it must never be told."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.replies: dict[int, Given] = {}
        self.floor = self.seq = 0
        self.silent = egress.Played()
        self.flushes: list[egress.Played] = []
        self.faults: list[str] = []

    def take(self, request: egress.SpeakRequest) -> None:
        """Take a message of the Speak stream."""
        match request.WhichOneof("message"):
            case "interrupt":
                self._interrupt(request.interrupt.seq, request.interrupt.floor)
            case "reply_started":
                self._begin(request.reply_started.reply, request.reply_started.turn)
            case "audio":
                self._sound(request.audio.reply, request.audio.position, len(request.audio.pcm) // 2)
            case "reply_ended":
                self._end(request.reply_ended.reply, request.reply_ended.samples)
            case "caption" if request.caption.reply > self.floor:
                self._of(request.caption.reply).captions.append(request.caption)

    def _of(self, number: int) -> Given:
        return self.replies.setdefault(number, Given())

    def _interrupt(self, seq: int, floor: int) -> None:
        if seq <= self.seq:
            return
        self.seq, self.floor = seq, max(self.floor, floor)
        self.silent = egress.Played(reply=self.listener.last[0], position=self.listener.last[1], flushed_seq=seq)
        self.flushes.append(self.silent)

    def _begin(self, number: int, turn: int) -> None:
        self._check(number, "began")
        given = self._of(number)
        if given.has_begun:
            self.faults.append(f"reply {number} began twice")
        given.turn, given.has_begun = turn, True

    def _sound(self, number: int, position: int, samples: int) -> None:
        self._check(number, "sounded")
        given = self._of(number)
        if given.is_complete or not given.has_begun:
            self.faults.append(f"reply {number} sounded before its beginning, or after its end")
        if given.start is None:
            given.start = given.end = position
            if position > self.listener.heard[number]:
                self.faults.append(f"reply {number} goes on at {position}, heard up to {self.listener.heard[number]}")
        if position != given.end:
            self.faults.append(f"reply {number} goes on at {position} instead of {given.end}")
        given.end = position + samples

    def _end(self, number: int, samples: int) -> None:
        self._check(number, "ended")
        given = self._of(number)
        if given.is_complete or samples != given.end:
            self.faults.append(f"reply {number} ended at {samples} instead of {given.end}")
        given.is_complete = True

    def _check(self, number: int, what: str) -> None:
        if number <= self.floor:
            self.faults.append(f"reply {number} {what} although the floor was {self.floor}")

    def listen(self, samples: int) -> egress.Played | None:
        """Play on; return the report."""
        listener = self.listener
        for number, given in sorted(self.replies.items()):
            if number <= self.floor or number in listener.ended:
                continue
            if listener.heard[number] < given.end:
                listener.heard[number] = heard = min(listener.heard[number] + samples, given.end)
                listener.last = (number, heard)
            elif not given.is_complete:
                return None
            is_over = given.is_complete and listener.heard[number] == given.end
            listener.ended |= {number} if is_over else set()
            return egress.Played(reply=number, position=listener.heard[number], ended=is_over)
        return None

    def held(self) -> egress.Held:
        """Say what is held: what may be heard, and of what is over the newest."""
        replies = [self._held(number, given) for number, given in sorted(self.replies.items())]
        over = [has for has in replies if has.dead or has.ended][:-8]
        newest = max(self.replies, default=0)
        kept = [has for has in replies if has not in over]
        return egress.Held(replies=kept, silent=self.silent, seq=self.seq, floor=self.floor, newest_reply=newest)

    def _held(self, number: int, given: Given) -> egress.HeldReply:
        return egress.HeldReply(
            reply=number,
            turn=given.turn,
            samples=given.end,
            complete=given.is_complete,
            played=self.listener.heard[number],
            ended=number in self.listener.ended,
            captions=given.captions,
            dead=number <= self.floor and number not in self.listener.ended,
        )
