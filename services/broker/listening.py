"""Listening: the person's turns, from a first sound to the wish for an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from parley.v1 import broker_service_pb2 as broker
from services.broker.actions import Actions
from services.broker.answering import Answering
from services.broker.doubt import Doubt
from services.broker.ears import Ears
from services.broker.ending import Ending
from services.broker.lost_turns import LostTurns
from services.broker.part import Part
from services.broker.speculation import Speculation
from services.broker.stages import TurnEnd
from services.broker.stop_words import may_be_bare
from services.broker.taken import Taken
from services.broker.tool_calls import ToolCalls
from services.common.recent import Recent

COMMITTED: Final = "committed"
"""In the place of an event's id: the server has committed the turn, and so been asked, by itself."""


class Listening:
    """One conversation's person, as vad tells of them."""

    def __init__(
        self,
        actions: Actions,
        ears: Ears,
        answering: Answering,
        speculation: Speculation,
        tools: ToolCalls,
        ending: Ending,
        lost: LostTurns,
    ) -> None:
        self.is_spoken_to = False
        """The person speaks."""
        self.taken = Taken(actions)
        self.typed = Recent()
        """The names of what was typed."""
        self._lost = lost
        self._goes_on: TurnEnd | None = None
        """The end of the turn that is under way again, although it had really ended."""
        self.doubt = Doubt(actions, answering.sequencer)
        self.on_understood: Callable[[Part], None] = lambda part: None
        """Told of a part whose words were known before its turn was over."""
        self._actions = actions
        self._ears = ears
        self._answering = answering
        self._speculation = speculation
        self._tools = tools
        self._ending = ending

    def take(self, request: broker.RespondRequest, now_s: float) -> None:
        """Take what concerns a turn. Raises ProtocolFault for half a sample."""
        match request.WhichOneof("message"):
            case "speech_started":
                self.is_spoken_to = True
                self._ears.started(request.speech_started)
                self._ending.stir(now_s)
            case "audio":
                self._ears.take(request.audio)
                self.taken.hear(request.audio)
            case "turn_ended" if request.turn_ended.tentative:
                is_free = not self.doubt.stands and not self._lost.covers(request.turn_ended.end_offset)
                self._speculation.begin(request.turn_ended, now_s, is_free=is_free)
            case "turn_ended":
                self._speculation.drop(now_s)
                self._end_turn(request.turn_ended, now_s)
            case "turn_confirmed":
                if (ended := self._speculation.confirmed(request.turn_confirmed)) is not None:
                    self._end_turn(ended, now_s)
            case "turn_resumed":
                self._resume(request.turn_resumed.turn, now_s)
            case "speech_dismissed":
                self._forget(now_s)
            case "typed":
                self._type(request.typed, now_s)

    def commit_to_ask(self, turn: int, now_s: float) -> str:
        """Commit a turn where the commit asks for the answer; return the event's id, "" if there is no sound."""
        if not self._ears.has_sound:
            return ""
        end = self._answering.last_turn
        return self._ears.commit(turn, now_s, mic_offset=end.mic_offset).commit_id or COMMITTED

    def lose_vad(self, now_s: float) -> None:
        """Nobody speaks: what is not decided will be heard again."""
        end, self._goes_on = self._goes_on, None
        self._forget(now_s)
        self._ears.captions.reopen()
        if end is not None and not self.doubt.take_up(end.turn, now_s):  # the rest of it may turn out to be nothing
            self._want(end)

    def _forget(self, now_s: float) -> None:
        """What was heard is no turn."""
        self.is_spoken_to = False
        self._answering.abandon(now_s)
        self._ears.forget()
        self._speculation.drop(now_s)

    def retract(self, part: Part, now_s: float) -> None:
        """The model takes no such turn: nobody waits for its answer."""
        if part.is_held:
            self._speculation.refused(part, now_s)
            return
        self.doubt.drop_for(part)
        self._answering.asking.retract(part.turn)
        self._actions.silent(part.turn)

    def _resume(self, turn: int, now_s: float) -> None:
        self.is_spoken_to = True
        self._ears.resumed(turn)
        self._ending.stir(now_s)
        if not self._speculation.drop(now_s):  # it had really ended
            if turn == self._answering.last_turn.turn:
                self._goes_on = self._answering.last_turn
            self.doubt.suspend()
            self._answering.sequencer.drop()
            self._tools.drop()

    def _type(self, typed: broker.Typed, now_s: float) -> None:
        if not self.typed.is_news(typed.id):
            self._actions.add(broker.RespondResponse(answered=broker.Answered(turn=typed.turn)))
            self._actions.silent(typed.turn)
            return
        self._ending.stir(now_s)
        self._speculation.take_back(now_s)
        end = TurnEnd(typed.turn, now_s, mic_offset=self.taken.type(typed))
        part = self._ears.type(typed)
        is_lost = self._lost.covers(typed.mic_offset, typed.id)
        if is_lost:
            self._lost.found(part, typed.mic_offset, typed.id)
        self._ears.parts.say(part)
        if is_lost:
            self._actions.silent(end.turn)
        else:
            self._want(end)

    def _take_again(self, ended: broker.TurnEnded, end: TurnEnd, now_s: float) -> None:
        """A turn is heard again that was answered long ago: all that is wanted of it are its words."""
        if self._answering.asking.commit is not None:  # where there can be none without another answer
            self._ears.forget()
        else:
            part = self._ears.commit(end.turn, now_s, end_offset=ended.end_offset, mic_offset=end.mic_offset)
            self._lost.found(part, ended.end_offset)
            self._known(part)
        self._actions.silent(end.turn)

    def _end_turn(self, ended: broker.TurnEnded, now_s: float) -> None:
        self.is_spoken_to, self._goes_on = False, None
        self._ending.stir(now_s)
        resumed = ended.turn == self._answering.last_turn.turn
        end = TurnEnd(ended.turn, now_s, ended.waited_ms, self.taken.end(ended))
        if self._lost.covers(ended.end_offset):
            self._take_again(ended, end, now_s)
            return
        if (part := self._speculation.release(end, now_s)) is not None:
            self._known(part)
            return
        if self._answering.has_adopted:
            self._ears.commit(ended.turn, now_s, end_offset=ended.end_offset, mic_offset=end.mic_offset)
            self._take_adopted(end, now_s)
            return
        bare_by_ear = ended.interruption and ended.stop_word and not resumed
        if self._answering.asking.commit is not None:
            if bare_by_ear:  # once committed it would be answered
                self._ears.forget()
                self._leave_open(end)
            else:
                self._ears.close_turn()
                self._want(end)
            return
        part = self._ears.commit(ended.turn, now_s, end_offset=ended.end_offset, mic_offset=end.mic_offset)
        if may_be_bare(ended) and self._ears.transcribes:
            self._answering.last_turn = end
            self.doubt.begin(part, now_s, resumed=resumed)
        elif bare_by_ear:  # without words the ear's is the last one
            self._leave_open(end)
        else:
            self._want(end)
        self._known(part)

    def _known(self, part: Part) -> None:
        if part.transcript is not None:
            self.on_understood(part)

    def _take_adopted(self, end: TurnEnd, now_s: float) -> None:
        """The server has begun its answer by itself: now it may be heard, if it is one."""
        if self._answering.is_prepared:
            self._answering.last_turn = end
            self._answering.release(now_s)
        else:
            self._answering.abandon(now_s)
            self._want(end)

    def _leave_open(self, end: TurnEnd) -> None:
        """A turn that wants silence, and has it."""
        self._answering.last_turn = end
        self._actions.silent(end.turn)

    def _want(self, end: TurnEnd) -> None:
        """Wish for an answer; it answers what was in doubt, too."""
        self._answering.last_turn = end
        self.doubt.drop()
        self._answering.sequencer.want(end.turn)
