"""Voice: the model's responses on their way to egress, and what was heard of them on the way back."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker import journal
from services.broker.actions import Action, Actions, Mark
from services.broker.event import Event, count, text
from services.broker.history import History, Place, Said
from services.broker.reply import Reply
from services.broker.speech import Speech
from services.broker.truncation import Truncation
from services.broker.upstream.capabilities import Capabilities
from services.common.audio import REPLY_HZ, ms_of

QUESTION_MARKS: Final = ("?", "？", "؟", "\u037e", "՞")
"""What a question ends with: Latin, Chinese, Arabic, Greek, Armenian."""


class Voice:
    """All replies that may still be heard. Everything of a dead one is dropped by its response's id, however late."""

    def __init__(
        self,
        actions: Actions,
        history: History,
        *,
        aligned: bool | None = None,
        capabilities: Capabilities | None = None,
    ) -> None:
        self._actions = actions
        self._history = history
        capabilities = capabilities or Capabilities()
        self._aligned = capabilities.aligned if aligned is None else aligned
        self._model_hz = capabilities.output_hz
        self._truncation = Truncation(actions, capabilities)
        self._speech = Speech(actions)
        self.minted = 0
        self.heard_turn = 0
        """The newest turn of whose answer something was heard."""
        self._replies: dict[int, Reply] = {}
        self._places: dict[int, Place] = {}
        self._responses: dict[str, Reply] = {}
        self._disowned: set[str] = set()

    def mint(self, turn: int) -> Reply:
        """Return a new reply, numbered above every other."""
        self.minted += 1
        reply = Reply(self.minted, turn, aligned=self._aligned, model_hz=self._model_hz)
        self._replies[reply.number] = reply
        self._places[reply.number] = self._history.reserve(reply)
        return reply

    def take_over(self, reply: Reply) -> None:
        """Go on with a reply that another broker has begun: what becomes of it belongs to the next place in history."""
        self.minted = max(self.minted, reply.number)
        self._replies[reply.number] = reply
        self._places[reply.number] = self._history.reserve(reply)

    def place_again(self, reply: Reply) -> None:
        """Give a reply the next place in history instead of the one it has."""
        self._places[reply.number].remembered = None
        self._history.fill(self._places[reply.number])
        self._places[reply.number] = self._history.reserve(reply)

    def bind(self, reply: Reply, response_id: str) -> None:
        """Note which response a reply is, until `unbind`."""
        reply.response_id = response_id
        self._responses[response_id] = reply

    def unbind(self, response_id: str) -> Reply | None:
        """Note that nothing more comes of a response; return its reply."""
        self._disowned.clear()
        return self._responses.pop(response_id, None)

    def of_response(self, response_id: str) -> Reply | None:
        """Return the reply of a response that has not ended."""
        return self._responses.get(response_id)

    def living(self) -> list[Reply]:
        """Return the replies that may still be heard, oldest first."""
        return [reply for _, reply in sorted(self._replies.items()) if not reply.is_dead]

    def lose_model(self) -> None:
        """The connection has gone, and with it the items of every reply."""
        for reply in self._replies.values():
            reply.is_foreign = True
        self._responses.clear()
        self._disowned.clear()

    # From the model.

    def item_added(self, reply: Reply, item: Event) -> None:
        """Take an item of a response; one of a dead reply is forgotten at once."""
        if text(item, "id") and (text(item, "type") == "message" or reply.is_dead):
            self._lives(reply, text(item, "id"))

    def audio(self, reply: Reply, event: Event, stages: list[client.TurnReport.Stage]) -> None:
        """Take an audio delta. `stages` go with the first."""
        item_id = text(event, "item_id")
        try:
            pcm = base64.b64decode(text(event, "delta"), validate=True)
        except ValueError:
            return
        if not pcm or not item_id or not self._lives(reply, item_id):
            return
        if reply.started is None:
            self._speech.start(reply, stages)
        reply.add_audio(item_id, count(event, "content_index"), pcm)
        self._speech.forward(reply)

    def words(self, reply: Reply, event: Event) -> None:
        """Take a transcript delta."""
        piece, item_id = text(event, "delta"), text(event, "item_id")
        if piece and item_id and self._lives(reply, item_id):
            item = reply.item(item_id)
            position = item.start + item.words.add(piece, item.samples)
            self._speech.caption(reply, piece, position, final=False)

    def item_done(self, reply: Reply, item_id: str) -> None:
        """Take the end of an item's audio."""
        item = reply.find(item_id)
        if item is not None and not reply.is_dead:
            reply.end_item(item)
            self._speech.forward(reply)

    def break_off(self, reply: Reply) -> None:
        """Nothing more comes of a response whose connection broke: what there is will be played."""
        reply.is_broken_off = True
        self.done(reply)

    def done(self, reply: Reply) -> None:
        """Take the end of a response that was not cancelled."""
        reply.is_complete = True
        for item in reply.items if not reply.is_broken_off else ():
            reply.end_item(item)
        self.tell_asked(reply)
        if not self._speech.forward(reply):
            self._speech.finish(reply)

    def tell_asked(self, reply: Reply) -> None:
        """Say whether a reply that is whole asks something."""
        asked = broker.Asked(reply=reply.number, is_question=reply.text.rstrip().endswith(QUESTION_MARKS))
        self._actions.add(broker.RespondResponse(asked=asked))

    def forget_calls(self, reply: Reply) -> None:
        """Make the model forget tool calls that came to nothing: one without a result confuses it."""
        for item_id in reply.open_calls:
            self._truncation.forget(item_id)
        reply.open_calls.clear()

    def _lives(self, reply: Reply, item_id: str) -> bool:
        """Say whether an item's reply lives, and note it there; the model must forget a new one of a dead reply."""
        if not reply.is_dead:
            reply.item(item_id)
        elif reply.find(item_id) is None and item_id not in self._disowned:
            self._disowned.add(item_id)
            self._truncation.forget(item_id)
        return not reply.is_dead

    # From the listener.

    def played(self, played: egress.Played, now_s: float) -> None:
        """Take a playback report: more may be sent; a reply played to its end enters history.

        Replies are played one after another: one that was whole was also heard whole when a later one sounds.
        """
        reply = self._replies.get(played.reply)
        if reply is None or reply.is_dead:
            return
        if played.position:
            self.heard_turn = max(self.heard_turn, reply.turn)
        for earlier in self.living():
            if earlier.number < reply.number and earlier.is_complete:
                self._remember(earlier, earlier.text, earlier.received, interrupted=False)
        reply.note_played(played.position, now_s)
        self._speech.forward(reply)
        if played.ended and reply.is_complete and reply.sent == reply.received:
            self._remember(reply, reply.text, reply.received, interrupted=False)

    def give_again(self, held: egress.Held, now_s: float) -> list[Reply]:
        """Give an egress that holds `held` the rest of every living reply; return those of which there is no copy.

        What those lack is lost: what was heard of them stays, and they are dead.
        """
        for has in held.replies:
            if not has.dead and (has.played or has.ended):
                self.played(egress.Played(reply=has.reply, position=has.played, ended=has.ended), now_s)
        lost = []
        for reply in self.living():
            has_it = next((has for has in held.replies if has.reply == reply.number), None)
            if reply.can_give(has_it.samples if has_it is not None else 0):
                self._speech.again(reply, has_it)
            else:
                reply.is_dead = True
                self.settle([reply], reply.number, reply.played, is_shown=False)  # egress knows nothing of it
                lost.append(reply)
        return lost

    def kill(self, floor: int) -> list[Reply]:
        """Drop every reply up to `floor`: nothing more of it goes out. Return those that were living."""
        dying = [reply for reply in self.living() if reply.number <= floor]
        for reply in dying:
            reply.is_dead = True
        return dying

    def settle(self, dead: Iterable[Reply], heard_reply: int, position: int, *, is_shown: bool = True) -> None:
        """Make model and history remember of dead replies what was heard.

        The listener's output fell silent at `position` of `heard_reply`: earlier replies were heard whole, later
        ones not at all.
        """
        for reply in dead:
            if reply.number == heard_reply:
                end = min(position, reply.sent)
            else:
                end = reply.sent if reply.number < heard_reply else 0
            interrupted = end < reply.received or not reply.is_complete
            self._truncation.cut(reply, end)
            words = reply.heard_text(end)
            if reply.items and is_shown:
                self._speech.caption(reply, words, end, final=True, interrupted=interrupted)
            if ms_of(end, REPLY_HZ) >= 1:
                self._remember(reply, words, end, interrupted=interrupted)
            else:
                self._forget(reply)

    def erase(self, dead: Iterable[Reply]) -> None:
        """Make the model forget dead replies altogether: the turn they answered goes on."""
        for reply in dead:
            if reply.started is not None:
                self._actions.add(Mark(journal.erased(reply.number)))
            self._truncation.cut(reply, 0)
            if self.heard_turn == reply.turn:
                self.heard_turn -= 1
            if reply.items:
                self._speech.caption(reply, "", 0, final=True, interrupted=True)
            self._forget(reply)

    def discard(self, reply: Reply) -> None:
        """Give a reply up of which nothing was ever sent; the model forgets what it thinks it said."""
        reply.is_dead = True
        self._truncation.cut(reply, 0)
        self._forget(reply)

    def give_up(self, number: int) -> None:
        """Another broker told egress of a reply, and gave nothing of it: it must not be waited for."""
        self._actions.add(egress.SpeakRequest(reply_ended=audio.ReplyEnded(reply=number)))

    # To history.

    def _remember(self, reply: Reply, words: str, samples: int, *, interrupted: bool) -> None:
        item = session.HistoryItem(
            role=session.HistoryItem.ROLE_ASSISTANT,
            text=words,
            turn=reply.turn,
            reply=reply.number,
            item=reply.items[0].id if reply.items else "",
            heard_ms=int(ms_of(samples, REPLY_HZ)),
            interrupted=interrupted,
            id=reply.announcement.id if reply.announcement is not None else "",
        )
        self._forget(reply, item, said=Said("assistant", words))

    def _forget(self, reply: Reply, *history: Action, said: Said | None = None) -> None:
        # Its response stays bound until the model has ended it, so that stragglers are recognised as dead.
        self._replies.pop(reply.number, None)
        reply.let_go()
        if (place := self._places.pop(reply.number, None)) is not None:
            place.remembered = said
            self._history.fill(place, *history)
