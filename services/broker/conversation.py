"""Conversation: the core of the broker. Turns and verdicts in, model events in, actions out; no I/O, no clock.

Each of its parts holds one concept: `listening` and `ears` what the person says, `answering` and `voice` what the model
does, `interruptions` what was heard of it, `speculation` a turn that may go on, `tool_calls` what is done for it,
`recollection` what it must remember when its connection is a new one, `takeover` what others must know that take over,
`host` what the agent does of its own accord. `members` makes them all.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2
from services.broker import faults
from services.broker.actions import Action, Spent
from services.broker.apology import say_sorry
from services.broker.event import Event, table, text
from services.broker.manner import Manner
from services.broker.members import Members
from services.broker.part import Part
from services.broker.speculation import Tally
from services.broker.takeover import Takeover

log = logging.getLogger("parley.broker")

RECONNECTING: Final = "The connection to the model broke; it is being made again. Nothing you said is lost."


class Conversation:
    """One session's conversation with the model. Every method returns what is to be done, in order.

    Until `begin` the model is not there yet: what the person says is prepared, and no response is asked for.
    """

    def __init__(self, manner: Manner | None = None) -> None:
        self._members = members = Members.of(manner or Manner())
        self._actions = members.actions
        self._ears = members.ears
        self._voice = members.voice
        self._tools = members.tools
        self._answering = members.answering
        self._sequencer = members.sequencer
        self._speculation = members.speculation
        self._interruptions = members.interruptions
        self._host = members.host
        self._listening = members.listening
        self._listening.on_understood = self._understood
        self._takeover = Takeover(members)

    # The connection to the model.

    def begin(self, now_s: float) -> list[Action]:
        """The model is ready. Its patience and ours count from now."""
        self._sequencer.release()
        self._ears.begin(now_s)
        self._host.begin(now_s)
        self._takeover.owes_memory = self._actions.model_away  # the conversation has gone on before
        return self._advance(now_s)

    def lose_model(self, now_s: float) -> list[Action]:
        """The connection has broken: nothing more goes to the model until `rebuild`, and nothing is forgotten."""
        self._speculation.take_back(now_s)
        self._host.disconnected(now_s)
        self._actions.model_away, self._takeover.owes_memory = True, False
        self._answering.lose_model()
        self._tools.lose_model()
        self._ears.lose_model()
        self._voice.lose_model()
        self._sequencer.hold()
        return self._actions.taken()

    def rebuild(self, now_s: float) -> list[Action]:
        """A new connection stands: its model is told what was said and heard, and asked what nobody has answered."""
        self._host.connected(now_s)
        self._takeover.owes_memory = True
        self._sequencer.release()
        return self._advance(now_s)

    def reconnecting(self) -> list[Action]:
        """Tell the client that the model is away for a moment."""
        notice = client.Notice(code=client.Notice.CODE_MODEL_RECONNECTING, message=RECONNECTING)
        self._actions.add(broker.RespondResponse(notice=notice))
        return self._actions.taken()

    def give_up(self, why: str) -> list[Action]:
        """The model does not come back: say so to the person, who would hear nothing but silence."""
        self._actions.add(
            say_sorry(f"I have lost my connection and can't go on. {why}", self._answering.last_turn.turn)
        )
        return self._actions.taken()

    @property
    def is_quiet(self) -> bool:
        """True when nobody speaks, nothing is awaited and everything has been heard."""
        return not self._voice.living() and self.is_between_turns

    @property
    def is_between_turns(self) -> bool:
        """True when neither person nor model owes anything; a reply may still be heard."""
        busy = (
            self._listening.is_spoken_to
            or self._listening.doubt.stands
            or self._ears.has_sound
            or self._ears.awaits_commit
            or self._tools.is_running
            or self._answering.responses.remote.is_busy
            or self._interruptions.is_settling
        )
        return not busy and self._sequencer.is_idle

    # Takeover.

    def past(self) -> stream_pb2.Past:
        """What a vad that begins must know of the conversation so far."""
        return self._takeover.past()

    def adopt(self, now_s: float) -> list[Action]:
        """A new vad has come: it hears again whatever is not decided. What was decided stays, and is awaited."""
        return self.lose_vad(now_s)

    def lose_vad(self, now_s: float) -> list[Action]:
        """The vad has gone for a moment: nobody speaks. Replies and the model go on, a wish for an answer stands."""
        self._listening.lose_vad(now_s)
        return self._advance(now_s)

    def give_again(self, held: egress.Held, now_s: float) -> list[Action]:
        """Give an egress that holds `held` everything that it lacks."""
        self._takeover.give_again(held, now_s)
        return self._advance(now_s)

    def restore(
        self,
        record: session.SessionRecord,
        history: Sequence[session.HistoryItem],
        held: egress.Held,
        now_s: float,
        *,
        age_s: float = 0.0,
    ) -> list[Action]:
        """Go on with a conversation that another broker has led; called once, before `begin`.

        `record` and `history` are what Redis holds, `held` what egress does; the session was opened `age_s` ago.
        """
        self._takeover.restore(record, history, held, now_s, age_s)
        return self._advance(now_s)

    # From vad.

    def from_vad(self, request: broker.RespondRequest, now_s: float) -> list[Action]:
        """Take a message of the Respond stream. Raises ProtocolFault for half a sample."""
        match request.WhichOneof("message"):
            case "announcement":
                self._announce(request.announcement)
            case "interrupt":
                self._interrupt(request.interrupt, now_s)
            case "typed":
                self._listening.take(request, now_s)
                self._host.understood(request.typed.text)
            case _:
                self._listening.take(request, now_s)
        return self._advance(now_s)

    def live_words(self, words: str) -> list[Action]:
        """Take the next words of a recogniser that writes while the person speaks."""
        self._ears.captions.live(words)
        return self._actions.taken()

    def _announce(self, announcement: session.Announcement) -> None:
        """Have something said as soon as the model is free; what was sent twice is said once."""
        if not self._members.announced.is_news(announcement.id):
            self._actions.silent(0)
        elif not self._sequencer.announce(announcement):
            log.warning("announcement %s is not said: too many wait for the model already", announcement.id)
            self._actions.silent(0)

    def _interrupt(self, interrupt: session.Interrupt, now_s: float) -> None:
        if not self._interruptions.is_news(interrupt):
            return
        floor = self._interruptions.open_gates(interrupt)
        self._speculation.take_back(now_s)
        self._answering.abandon(now_s)
        self._sequencer.drop_all()
        if interrupt.cause != session.Interrupt.CAUSE_TURN_RESUMED:
            self._actions.settled(self._answering.last_turn.turn)
        self._listening.doubt.suspend()
        self._tools.drop()
        self._answering.responses.remote.drop()
        self._host.ending.stir(now_s)
        self._answering.cancel(now_s)
        self._interruptions.kill(interrupt, floor, now_s)

    # From egress.

    def from_egress(self, played: egress.Played, now_s: float) -> list[Action]:
        """Take what was played; the answer to a Flush settles what was heard."""
        self._interruptions.played(played, now_s)
        if not played.flushed_seq:
            self._voice.played(played, now_s)
        return self._advance(now_s)

    # From the model, and from tools.

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
            self._understood(part)
        return self._advance(now_s)

    def tool_done(
        self, call_id: str, output: str, status: session.ToolCall.Status.ValueType, now_s: float
    ) -> list[Action]:
        """Take the result of a `CallTool`."""
        self._host.tool_done(call_id, output, status)
        return self._advance(now_s)

    def _understood(self, part: Part) -> None:
        self._listening.doubt.understood(part)
        if part.turn == self._answering.last_turn.turn:
            self._host.understood(part.transcript or "")

    def _take_error(self, error: Event, now_s: float) -> None:
        if (fault := faults.ending(error)) is not None:
            raise fault
        part = self._ears.refused(error)
        if part is not None:
            self._listening.retract(part, now_s)
        is_our_request = self._answering.refused(error)
        if part is None and not is_our_request and not faults.is_harmless(error):
            log.warning("the model reports %s: %s", faults.code_of(error), text(error, "message"))

    # Time, and the end.

    def tick(self, now_s: float) -> list[Action]:
        """Act on what has been waited for long enough; call it every 50 ms or so.

        Raises:
            ModelFault: the model answers no more.
        """
        self._listening.doubt.tick(now_s)
        self._members.lost.tick(now_s)
        for part in self._ears.expire(now_s):
            self._understood(part)
        self._answering.tick(now_s)
        if not self._actions.model_away:
            is_speaking = self._listening.is_spoken_to or bool(self._voice.living())
            self._host.tick(now_s, is_quiet=self.is_quiet, is_speaking=is_speaking)
        return self._advance(now_s)

    def close(self, now_s: float) -> list[Action]:
        """The session ends: what was heard so far enters history; the model needn't know any more."""
        self._speculation.drop(now_s)
        self._host.disconnected(now_s)
        self._interruptions.settle_all()
        self._ears.parts.close()
        self._members.lost.close()
        for reply in self._voice.kill(self._voice.minted):
            self._voice.settle([reply], reply.number, reply.estimate(now_s))
        self._members.history.close()
        return [action for action in self._actions.taken() if isinstance(action, session.HistoryItem | Spent)]

    @property
    def hangup(self) -> stream_pb2.Hangup | None:
        """Why the session ended by itself, if it did."""
        return self._host.ending.hangup

    @property
    def spent(self) -> session.Usage:
        """What the model has used so far."""
        return self._host.spent

    @property
    def tally(self) -> Tally:
        """What became of the responses that were asked for early."""
        return self._speculation.tally

    def _advance(self, now_s: float) -> list[Action]:
        self._speculation.check(now_s)
        self._interruptions.tick(now_s)
        if not self._takeover.is_missed(now_s):
            self._takeover.remind(now_s)
            self._answering.asking.advance(now_s)
        return self._actions.taken()
