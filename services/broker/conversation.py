"""Conversation: the core of the broker. Turns and verdicts in, model events in, actions out; no I/O, no clock.

Each of its parts holds one concept: `listening` and `ears` what the person says, `answering` and `voice` what the model
does, `interruptions` what was heard of it, `speculation` a turn that may go on, `tool_calls` what is done for it,
`recollection` what it must remember when its connection is a new one, `host` what the agent does of its own accord.
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
from services.broker.actions import Action, Actions, Spent
from services.broker.answering import Answering
from services.broker.apology import say_sorry
from services.broker.ears import Ears
from services.broker.event import Event, table, text
from services.broker.history import History
from services.broker.host import Host
from services.broker.interruptions import Interruptions
from services.broker.listening import Listening
from services.broker.lost_turns import LostTurns
from services.broker.manner import Manner, TurnMode
from services.broker.part import Part
from services.broker.recollection import Recollection
from services.broker.restoration import Restoration
from services.broker.server_ears import ServerEars
from services.broker.speculation import Speculation, Tally
from services.broker.tool_calls import ToolCalls
from services.broker.voice import Voice
from services.common.recent import Recent

log = logging.getLogger("parley.broker")

RECONNECTING: Final = "The connection to the model broke; it is being made again. Nothing you said is lost."


class Conversation:
    """One session's conversation with the model. Every method returns what is to be done, in order.

    Until `begin` the model is not there yet: what the person says is prepared, and no response is asked for.
    """

    def __init__(self, manner: Manner | None = None) -> None:
        manner = manner or Manner()
        self._can = can = manner.capabilities
        listens, answers_itself = manner.listens_always, can.commit_responds or not can.has_turns
        self._actions = Actions()
        self._history = History(self._actions)
        self._ears = (ServerEars if listens else Ears)(self._actions, self._history, can)
        if isinstance(self._ears, ServerEars):
            self._ears.is_semantic = manner.turns is TurnMode.SEMANTIC_VAD
        self._voice = Voice(self._actions, self._history, capabilities=can)
        self._recollection = Recollection(self._actions, self._ears, self._history)
        self._tools = ToolCalls(self._actions, self._history, self._recollection)
        self._answering = Answering(self._actions, self._voice, self._tools, manner)
        self._sequencer = self._answering.sequencer
        self._sequencer.hold()
        speculates = manner.speculate and not listens and not answers_itself and can.can_delete
        self._speculation = Speculation(self._ears, self._answering, enabled=speculates)
        self._interruptions = Interruptions(self._actions, self._voice, self._sequencer)
        self._lost = LostTurns(self._history)
        self._host = Host(self._actions, self._sequencer, self._tools, manner)
        self._listening = Listening(
            self._actions,
            self._ears,
            self._answering,
            self._speculation,
            self._tools,
            self._host.ending,
            self._lost,
        )
        self._announced = Recent()
        self._owes_memory = False
        """The model is there, and is told what went before as soon as nothing of it is missed."""
        self._answering.responses.on_begun = self._ears.parts.answered
        self._answering.responses.on_calls = self._host.called
        self._answering.on_spent = self._host.responded
        self._ears.on_transcribed = self._host.transcribed
        self._listening.on_understood = self._understood
        if answers_itself:
            self._answering.asking.commit = self._listening.commit_to_ask
        if answers_itself and isinstance(self._ears, ServerEars):
            self._answering.open_turn = self._ears.turn_of_speech

    # The connection to the model.

    def begin(self, now_s: float) -> list[Action]:
        """The model is ready. Its patience and ours count from now."""
        self._sequencer.release()
        self._ears.begin(now_s)
        self._host.begin(now_s)
        self._owes_memory = self._actions.model_away  # the conversation has gone on before
        return self._advance(now_s)

    def lose_model(self, now_s: float) -> list[Action]:
        """The connection has broken: nothing more goes to the model until `rebuild`, and nothing is forgotten."""
        self._speculation.take_back(now_s)
        self._host.disconnected(now_s)
        self._actions.model_away, self._owes_memory = True, False
        self._answering.lose_model()
        self._tools.lose_model()
        self._ears.lose_model()
        self._voice.lose_model()
        self._sequencer.hold()
        return self._actions.taken()

    def rebuild(self, now_s: float) -> list[Action]:
        """A new connection stands: its model is told what was said and heard, and asked what nobody has answered."""
        self._host.connected(now_s)
        self._owes_memory = True
        self._sequencer.release()
        return self._advance(now_s)

    def _remind(self, now_s: float) -> None:
        self._owes_memory = False
        self._interruptions.settle_all()
        self._actions.model_away = False
        self._recollection.rebuild(now_s)
        self._listening.doubt.wait_again(now_s)
        self._host.ending.wait_again(now_s)

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
        taken = self._listening.taken
        return stream_pb2.Past(
            turn=taken.turn,
            decided_offset=taken.offset,
            awaited_turn=self._awaited_turn,
            seq=self._interruptions.seq,
            audio_offset=taken.audio_offset,
        )

    @property
    def _awaited_turn(self) -> int:
        """The turn that is to be answered, as long as nothing of its answer was heard."""
        turn = self._answering.last_turn.turn
        is_awaited = (
            self._sequencer.wish == turn
            or self._listening.doubt.stands
            or self._tools.is_busy
            or self._answering.responses.remote.is_busy
            or any(reply.turn == turn for reply in self._voice.living())
        )
        return turn if is_awaited and turn > self._voice.heard_turn else 0

    def adopt(self, now_s: float) -> list[Action]:
        """A new vad has come: it hears again whatever is not decided. What was decided stays, and is awaited."""
        return self.lose_vad(now_s)

    def lose_vad(self, now_s: float) -> list[Action]:
        """The vad has gone for a moment: nobody speaks. Replies and the model go on, a wish for an answer stands."""
        self._listening.lose_vad(now_s)
        return self._advance(now_s)

    def give_again(self, held: egress.Held, now_s: float) -> list[Action]:
        """Give an egress that holds `held` everything that it lacks: the last floor, then the living replies.

        What was lost with the other egress, because there is no copy here either, the model is asked for.
        """
        self._interruptions.give_again()
        if held.HasField("silent"):
            self._interruptions.played(held.silent, now_s)
        for reply in self._voice.give_again(held, now_s):
            self._answering.asking.go_on(reply)
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
        self._actions.model_away = True  # it knows nothing, and will be told everything when it is there
        Restoration(
            history=self._history,
            voice=self._voice,
            tools=self._tools,
            answering=self._answering,
            interruptions=self._interruptions,
            listening=self._listening,
            lost=self._lost,
            host=self._host,
            announced=self._announced,
            aligned=self._can.aligned,
        ).run(record, history, held, now_s, age_s)
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
        if not self._announced.is_news(announcement.id):
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
        self._interruptions.tick(now_s)
        self._listening.doubt.tick(now_s)
        self._lost.tick(now_s)
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
        self._lost.close()
        for reply in self._voice.kill(self._voice.minted):
            self._voice.settle([reply], reply.number, reply.estimate(now_s))
        self._history.close()
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
        if not self._lost.is_missed(now_s):  # a question must not stand behind its answer in the model's memory
            if self._owes_memory:
                self._remind(now_s)
            self._answering.asking.advance(now_s)
        return self._actions.taken()
