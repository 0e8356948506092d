"""Latencies: what the person waited for, by the client's own clock: the answer's first sample, and silence.

A core without I/O. The client stamps what its speaker does with its microphone's clock, on which vad also says when
speech ended, when it set in over a reply, and when that was decided; so one clock tells all, and no two are compared.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, TypeVar

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.common.audio import MIC_HZ, REPLY_HZ

_KNOWN: Final = 16
"""Turns, and replies, that are remembered: one is answered at a time."""
_LONGEST_MS: Final = 120_000.0
"""More than that is a clock that was set, or a reply nobody waited for."""

_BY_EAR: Final = (session.Interrupt.CAUSE_SPEECH, session.Interrupt.CAUSE_WORD)

T = TypeVar("T")


@dataclass(frozen=True)
class Response:
    """A turn's answer is heard: so long after the person's last sound."""

    turn: int
    ms: float


@dataclass(frozen=True)
class Stop:
    """An interrupted reply is silent: so long after that was decided, and after the person's first sound, if heard."""

    turn: int
    """The one that the reply answered."""
    ms: float
    onset_ms: float | None


class Latencies:
    """One session's. It is shown what vad says, what begins to be said, and what was played."""

    def __init__(self) -> None:
        self._ended: OrderedDict[int, int] = OrderedDict()  # turn: the microphone's sample at which its speech ended
        self._replies: OrderedDict[int, int] = OrderedDict()  # reply: the turn that it answers
        self._sounding: set[int] = set()
        self._cancel = session.Interrupt()
        self._silent: egress.Played | None = None

    def hear(self, request: broker.RespondRequest) -> Stop | None:
        """Take what vad says."""
        match request.WhichOneof("message"):
            case "turn_ended":
                _keep(self._ended, request.turn_ended.turn, request.turn_ended.end_offset)
            case "typed":
                _keep(self._ended, request.typed.turn, request.typed.mic_offset)
            case "interrupt" if request.interrupt.kind == session.Interrupt.KIND_CANCEL:
                self._cancel = request.interrupt
                return self._stop()
        return None

    def begin(self, started: egress.ReplyStarted) -> None:
        """A reply is given to egress."""
        _keep(self._replies, started.reply, started.turn)

    def played(self, played: egress.Played) -> Response | Stop | None:
        """Take what the client's speaker has done."""
        if played.flushed_seq:
            self._silent = played
            return self._stop()
        is_first = played.reply in self._replies and played.reply not in self._sounding
        if is_first:
            self._sounding.add(played.reply)
        if played.ended:
            self._forget(played.reply)
        return self._response(played) if is_first else None

    def _response(self, played: egress.Played) -> Response | None:
        turn = self._replies.get(played.reply, 0)
        spoken_until = self._ended.pop(turn, None)  # the turn's first reply only
        if spoken_until is None:
            return None
        first_sample = played.mic_offset - played.position * MIC_HZ / REPLY_HZ
        ms = (first_sample - spoken_until) * 1000 / MIC_HZ
        return Response(turn, ms) if 0 <= ms <= _LONGEST_MS else None

    def _stop(self) -> Stop | None:
        """The cancel and the client's answer come by different ways; whichever is later tells."""
        cancel, silent = self._cancel, self._silent
        if silent is None or silent.flushed_seq != cancel.seq or not cancel.seq:
            return None
        self._silent = None
        if silent.reply not in self._sounding:
            return None  # nothing was to be heard that could have been stopped
        turn = self._replies.get(silent.reply, 0)
        self._forget(silent.reply)
        if cancel.cause == session.Interrupt.CAUSE_TURN_RESUMED:
            return None
        ms, onset_ms = ((silent.mic_offset - at) * 1000 / MIC_HZ for at in (cancel.decided_offset, cancel.onset_offset))
        if not 0 <= ms <= _LONGEST_MS:
            return None
        return Stop(turn, ms, onset_ms if cancel.cause in _BY_EAR and onset_ms <= _LONGEST_MS else None)

    def _forget(self, reply: int) -> None:
        """It is over, and those before it."""
        self._sounding = {each for each in self._sounding if each > reply}


def _keep(known: OrderedDict[int, T], key: int, value: T) -> None:
    known[key] = value
    while len(known) > _KNOWN:
        known.popitem(last=False)
