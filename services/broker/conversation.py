"""Conversation: the core of the broker. Turns and verdicts in, model events in, actions out; no I/O, no clock.

An interrupt becomes: kill what was said (nothing more of it goes out), cancel what is still being generated, wait for
the position at which the listener's output fell silent, cut the model's memory to what was heard, and only then ask
for the next response.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker import faults
from services.broker.actions import Action, Actions, RaiseFloor
from services.broker.answering import Answering, TurnEnd
from services.broker.ears import Ears, Part
from services.broker.event import Event, table, text
from services.broker.history import History
from services.broker.sequencer import REQUEST_TIMEOUT_S
from services.broker.settling import Heard, Settling
from services.broker.speculation import Speculation, Tally
from services.broker.stop_words import is_bare_stop, may_be_bare
from services.broker.voice import Voice
from services.common.recent import Recent

log = logging.getLogger("parley.broker")

TRANSCRIPT_WAIT_S: Final = 3.0
"""How long a short interruption waits to be understood: is it a bare "stop"? Then it is taken for one."""


@dataclass
class Doubt:
    """A short interruption that is answered unless it turns out to be a bare stop."""

    part: Part
    deadline_s: float
    resumed: bool
    """The turn had begun before: what it said then wants an answer even if this was no word at all."""


class Conversation:
    """One session's conversation with the model. Every method returns what is to be done, in order.

    Until `begin` the model is not there yet: what the person says is prepared, and no response is asked for.
    """

    def __init__(self, *, aligned: bool, answer_s: float = REQUEST_TIMEOUT_S, speculate: bool = True) -> None:
        self._actions = Actions()
        self._history = History(self._actions)
        self._ears = Ears(self._actions, self._history, keeps=speculate)
        self._voice = Voice(self._actions, self._history, aligned=aligned)
        self._answering = Answering(self._actions, self._voice, answer_s)
        self._speculation = Speculation(self._ears, self._answering, enabled=speculate)
        self._sequencer = self._answering.sequencer
        self._sequencer.hold()
        self._settling: list[Settling] = []
        self._flushed = egress.Played()
        """The last answer to a Flush. It may overtake the cancel that it answers: that one comes another way round."""
        self._announced = Recent()
        self._doubt: Doubt | None = None
        self._seq = 0

    def begin(self, now_s: float) -> list[Action]:
        """The model is ready. Its patience and ours count from now."""
        self._sequencer.release()
        self._ears.begin(now_s)
        return self._advance(now_s)

    # From vad.

    def from_vad(self, request: broker.RespondRequest, now_s: float) -> list[Action]:
        """Take a message of the Respond stream. Raises ProtocolFault for half a sample."""
        match request.WhichOneof("message"):
            case "audio":
                self._ears.hear(request.audio.pcm)
            case "turn_ended" if request.turn_ended.tentative:
                self._speculation.begin(request.turn_ended, now_s, is_free=self._doubt is None)
            case "turn_ended":
                self._speculation.drop(now_s)
                self._end_turn(request.turn_ended, now_s)
            case "turn_confirmed":
                if (ended := self._speculation.confirmed(request.turn_confirmed)) is not None:
                    self._end_turn(ended, now_s)
            case "turn_resumed":
                if not self._speculation.drop(now_s):  # it had really ended
                    self._doubt = None
                    self._sequencer.drop()
            case "speech_dismissed":
                self._ears.forget()
                self._speculation.drop(now_s)
            case "typed":
                self._speculation.take_back(now_s)
                self._ears.type(request.typed.turn, request.typed.text)
                self._want(TurnEnd(request.typed.turn, now_s))
            case "announcement":
                self._announce(request.announcement)
            case "interrupt":
                self._interrupt(request.interrupt, now_s)
        return self._advance(now_s)

    def _announce(self, announcement: session.Announcement) -> None:
        """Have something said as soon as the model is free; what was sent twice is said once."""
        if not self._announced.is_news(announcement.id):
            self._actions.silent(0)
        elif not self._sequencer.announce(announcement):
            log.warning("announcement %s is not said: too many wait for the model already", announcement.id)
            self._actions.silent(0)

    def _end_turn(self, ended: broker.TurnEnded, now_s: float) -> None:
        resumed = ended.turn == self._answering.last_turn.turn
        end = TurnEnd(ended.turn, now_s, ended.waited_ms)
        if self._speculation.release(end, now_s):
            return
        part = self._ears.commit(ended.turn, now_s)
        if may_be_bare(ended) and self._ears.transcribes:
            self._answering.last_turn = end
            self._doubt = Doubt(part, now_s + TRANSCRIPT_WAIT_S, resumed)
        elif ended.interruption and ended.stop_word and not resumed:  # without words the ear's is the last one
            self._answering.last_turn = end
            self._actions.silent(end.turn)
        else:
            self._want(end)

    def _want(self, end: TurnEnd) -> None:
        """Wish for an answer; it answers what was in doubt, too."""
        self._answering.last_turn = end
        self._doubt = None
        self._sequencer.want(end.turn)

    def _interrupt(self, interrupt: session.Interrupt, now_s: float) -> None:
        if interrupt.kind != session.Interrupt.KIND_CANCEL or interrupt.seq <= self._seq:
            return
        self._seq = interrupt.seq
        interrupt.floor = floor = self._voice.minted
        self._actions.add(egress.SpeakRequest(interrupt=interrupt))
        acknowledged = broker.InterruptAcknowledged(seq=interrupt.seq, floor=floor)
        self._actions.add(broker.RespondResponse(interrupt_acknowledged=acknowledged))
        self._actions.add(RaiseFloor(interrupt.seq, floor))
        self._speculation.take_back(now_s)
        self._sequencer.drop_all()
        self._doubt = None
        dead = self._voice.kill(floor)
        self._answering.cancel(now_s)
        if interrupt.cause == session.Interrupt.CAUSE_TURN_RESUMED:
            self._voice.erase(dead)
        elif dead:
            self._settling.append(Settling(interrupt.seq, dead, now_s))
            self._sequencer.hold()
            self._settle_answered()

    # From egress.

    def from_egress(self, played: egress.Played, now_s: float) -> list[Action]:
        """Take what was played; the answer to a Flush settles what was heard."""
        if played.flushed_seq:
            if played.flushed_seq > self._flushed.flushed_seq:
                self._flushed = played
            self._settle_answered()
        else:
            for settling in self._settling:
                settling.note_played(played, now_s)
            self._voice.played(played, now_s)
        return self._advance(now_s)

    def _settle_answered(self) -> None:
        for settling in [s for s in self._settling if s.seq <= self._flushed.flushed_seq]:
            self._settle(settling, settling.answered(self._flushed))

    def _settle(self, settling: Settling, heard: Heard) -> None:
        self._settling.remove(settling)
        self._voice.settle(settling.dead, *heard)
        self._sequencer.release()

    # From the model.

    def from_model(self, event: Event, now_s: float) -> list[Action]:
        """Take a server event; unknown ones are ignored.

        Raises:
            ModelFault: the model refuses to go on.
        """
        kind = text(event, "type")
        if kind == "error":
            self._take_error(table(event, "error"), now_s)
        elif kind.startswith("response."):
            self._answering.take(kind, event, now_s)
        elif (part := self._ears.from_model(event)) is not None:
            self._understand(part)
        return self._advance(now_s)

    def _understand(self, part: Part) -> None:
        """A short interruption has been understood: a bare stop is obeyed, anything else answered."""
        if self._doubt is None or self._doubt.part is not part:
            return
        doubt, self._doubt = self._doubt, None
        words = part.transcript or ""
        if is_bare_stop(words) or not (words or doubt.resumed):
            self._actions.silent(part.turn)
        else:
            self._sequencer.want(part.turn)

    def _take_error(self, error: Event, now_s: float) -> None:
        if (fault := faults.ending(error)) is not None:
            raise fault
        if self._answering.refused(error):
            return
        if (part := self._ears.refused(error)) is not None:
            if part.is_held:
                self._speculation.refused(part, now_s)
                return
            if self._doubt is not None and self._doubt.part is part:
                self._doubt = None
            self._answering.retract(part.turn)
            self._actions.silent(part.turn)
        elif faults.code_of(error) not in faults.HARMLESS:
            log.warning("the model reports %s: %s", faults.code_of(error), text(error, "message"))

    # Time.

    def tick(self, now_s: float) -> list[Action]:
        """Act on what has been waited for long enough; call it every 50 ms or so.

        Raises:
            ModelFault: the model answers no more.
        """
        if not (self._settling or self._doubt or self._ears.awaits_words or self._sequencer.is_busy):
            return []  # nothing is waited for: most of the time
        for settling in [s for s in self._settling if s.is_due(now_s)]:
            self._settle(settling, settling.guess())
        if self._doubt is not None and now_s >= self._doubt.deadline_s:
            self._understand(self._doubt.part)
        self._ears.expire(now_s)
        self._answering.tick(now_s)
        return self._advance(now_s)

    def close(self, now_s: float) -> list[Action]:
        """The session ends: what was heard so far enters history; the model needn't know any more."""
        self._speculation.drop(now_s)
        for settling in list(self._settling):
            self._settle(settling, settling.guess())
        for reply in self._voice.kill(self._voice.minted):
            self._voice.settle([reply], reply.number, reply.estimate(now_s))
        self._history.close()
        return [action for action in self._actions.taken() if isinstance(action, session.HistoryItem)]

    @property
    def tally(self) -> Tally:
        """What became of the responses that were asked for early."""
        return self._speculation.tally

    def _advance(self, now_s: float) -> list[Action]:
        self._speculation.check(now_s)
        self._answering.advance(now_s)
        return self._actions.taken()
