"""Responses: what the model gives, item by item: sound and words to the voice, calls to the tools."""

from __future__ import annotations

from collections.abc import Callable

from services.broker.actions import Actions
from services.broker.apology import ONLY_CALLS, apologise
from services.broker.event import Event, table, text
from services.broker.manner import Manner
from services.broker.remote_calls import RemoteCalls
from services.broker.reply import Reply
from services.broker.sequencer import Sequencer
from services.broker.stages import Stages
from services.broker.tool_calls import Round, ToolCalls
from services.broker.voice import Voice


class Responses:
    """One conversation's, as far as it is known which reply each of them is."""

    def __init__(
        self,
        actions: Actions,
        voice: Voice,
        tools: ToolCalls,
        sequencer: Sequencer,
        stages: Stages,
        manner: Manner,
    ) -> None:
        self.remote = RemoteCalls(actions)
        self.on_begun: Callable[[int], None] = lambda turn: None
        """Told of a turn whose answer has begun to sound."""
        self.on_calls: Callable[[Round], None] = lambda calls: None
        """Told of a response that has called tools, when no more of it comes."""
        self._actions = actions
        self._voice = voice
        self._tools = tools
        self._sequencer = sequencer
        self._stages = stages
        self._manner = manner

    def take(self, reply: Reply, kind: str, event: Event, now_s: float) -> None:
        """Take a `response.…` event of a reply, living or dead."""
        match kind:
            case "response.output_item.added":
                self._item_added(reply, table(event, "item"), now_s)
            case "response.output_item.done":
                self.item_done(reply, table(event, "item"), now_s)
            case "response.output_audio.delta":
                self._voice.audio(reply, event, self._stages.first_audio(now_s))
                if reply.received and not reply.is_dead:
                    self.on_begun(reply.turn)
            case "response.output_audio_transcript.delta":
                self._voice.words(reply, event)
            case "response.output_audio.done":
                self._voice.item_done(reply, text(event, "item_id"))

    def _item_added(self, reply: Reply, item: Event, now_s: float) -> None:
        self._voice.item_added(reply, item)
        if not reply.is_dead:
            self.remote.item(reply, item, now_s)
            if text(item, "type") == "function_call" and text(item, "id"):
                reply.open_calls.add(text(item, "id"))

    def item_done(self, reply: Reply, item: Event, now_s: float) -> None:
        """Take an item that is complete: a call is carried out, once."""
        self.remote.item_done(item)
        is_call = text(item, "type") == "function_call" and not reply.is_dead
        if is_call and self._tools.called(reply, reply.turn, item, now_s):
            reply.open_calls.discard(text(item, "id"))

    def finish(self, reply: Reply) -> None:
        """No more of a living reply comes: what there is will be played."""
        calls = self._tools.generated(reply)
        has_called, turn = self.remote.generated(reply)
        if has_called and calls is None:
            self._tools.note_round(reply.turn)
        if calls is not None and self._tools.rounds_of(reply.turn) > self._manner.max_tool_rounds:
            calls.is_wanted = False  # it was told to call no more; it might never end
            apologise(self._actions, reply, ONLY_CALLS)
        if calls is not None:
            self.on_calls(calls)
        if reply.received:
            self._voice.done(reply)
        else:
            self._voice.discard(reply)
            if not has_called and (calls is None or not calls.is_wanted):
                self._actions.silent(reply.turn)
        if turn is not None:
            self._sequencer.want_also(turn)

    def leave(self, reply: Reply) -> None:
        """No more of a dead reply comes: what it has called for goes on, but nobody is answered for it."""
        self.remote.generated(reply)
        if (calls := self._tools.generated(reply)) is not None:
            calls.is_wanted = False
            self.on_calls(calls)

    def lose_model(self, reply: Reply | None) -> tuple[bool, int | None]:
        """The connection has gone in the middle of `reply`.

        Say whether it had called tools, whose results ask the model again, and the turn that waited for remote ones.
        """
        unanswered = self.remote.lose_model()
        calls = self._tools.generated(reply) if reply is not None else None
        if calls is not None:
            self.on_calls(calls)
        return calls is not None, unanswered
