"""Interruptions: kill what was said, and find out how much of it was heard.

An interrupt becomes: nothing more goes out of what was said; what is still being generated is cancelled; then the
position is awaited at which the listener's output fell silent, the model's memory is cut to what was heard, and only
then the next response may be asked for.
"""

from __future__ import annotations

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker.actions import Actions, RaiseFloor
from services.broker.reply import Reply
from services.broker.sequencer import Sequencer
from services.broker.settling import Heard, Settling
from services.broker.voice import Voice


class Interruptions:
    """One conversation's cancels, from vad's word to the listener's."""

    def __init__(self, actions: Actions, voice: Voice, sequencer: Sequencer) -> None:
        self._actions = actions
        self._voice = voice
        self._sequencer = sequencer
        self._settling: list[Settling] = []
        self._flushed = egress.Played()
        """The last answer to a Flush. It may overtake the cancel that it answers: that one comes another way round."""
        self._last = session.Interrupt()
        """The last cancel that was carried out, with its floor."""
        self._seq = 0

    @property
    def seq(self) -> int:
        """The highest cancel that was carried out."""
        return self._seq

    def restore(self, interrupt: session.Interrupt, held: egress.Held) -> None:
        """Another broker has carried out cancels up to this one. Egress may not have heard of it, and waits for it."""
        self._last.CopyFrom(interrupt)
        self._seq = interrupt.seq
        if held.HasField("silent"):
            self._flushed = held.silent
        if (held.seq, held.floor) < (interrupt.seq, interrupt.floor):
            self.give_again()

    def give_again(self) -> None:
        """Say the last floor once more: whoever knows it ignores it."""
        if self._last.seq:
            self._actions.add(egress.SpeakRequest(interrupt=self._last))

    @property
    def is_settling(self) -> bool:
        """True while it is not known how much was heard of something."""
        return bool(self._settling)

    def is_news(self, interrupt: session.Interrupt) -> bool:
        """Say whether a verdict is a cancel that was not carried out yet; it counts as carried out from now on."""
        if interrupt.kind != session.Interrupt.KIND_CANCEL or interrupt.seq <= self._seq:
            return False
        self._seq = interrupt.seq
        return True

    def open_gates(self, interrupt: session.Interrupt) -> int:
        """Say to everybody which replies are dead by a cancel; return the floor."""
        interrupt.floor = floor = self._voice.minted
        self._last.CopyFrom(interrupt)
        self._actions.add(egress.SpeakRequest(interrupt=interrupt))
        acknowledged = broker.InterruptAcknowledged(seq=interrupt.seq, floor=floor)
        self._actions.add(broker.RespondResponse(interrupt_acknowledged=acknowledged))
        self._actions.add(RaiseFloor(interrupt.seq, floor))
        return floor

    def await_word(self, dead: list[Reply], now_s: float) -> None:
        """Wait for the listener's word on replies that another broker has killed."""
        self._settling.append(Settling(self._seq, dead, now_s))
        self._sequencer.hold()
        self._settle_answered()

    def kill(self, interrupt: session.Interrupt, floor: int, now_s: float) -> None:
        """Let every reply up to the floor die; what was heard of it stays, unless the turn it answers goes on."""
        dead = self._voice.kill(floor)
        if interrupt.cause == session.Interrupt.CAUSE_TURN_RESUMED:
            self._voice.erase(dead)
        elif dead:
            self._settling.append(Settling(interrupt.seq, dead, now_s))
            self._sequencer.hold()
            self._settle_answered()

    def played(self, played: egress.Played, now_s: float) -> None:
        """Take what was played; the answer to a Flush settles what was heard."""
        if played.flushed_seq:
            if played.flushed_seq > self._flushed.flushed_seq:
                self._flushed = played
            self._settle_answered()
        else:
            for settling in self._settling:
                settling.note_played(played, now_s)

    def tick(self, now_s: float) -> None:
        """Guess where the listener's word has been waited for long enough."""
        is_urgent = self._sequencer.has_wish
        for settling in [s for s in self._settling if s.is_due(now_s, is_urgent=is_urgent)]:
            self._settle(settling, settling.guess())

    def settle_all(self) -> None:
        """Wait for nobody's word any more."""
        for settling in list(self._settling):
            self._settle(settling, settling.guess())

    def _settle_answered(self) -> None:
        for settling in [s for s in self._settling if s.seq <= self._flushed.flushed_seq]:
            self._settle(settling, settling.answered(self._flushed))

    def _settle(self, settling: Settling, heard: Heard) -> None:
        self._settling.remove(settling)
        self._voice.settle(settling.dead, *heard)
        self._sequencer.release()
