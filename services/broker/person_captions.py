"""Person captions: the person's words on the way to the screen, while they are spoken if somebody writes them down."""

from __future__ import annotations

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from services.broker.actions import Actions


class PersonCaptions:
    """Shows each word of a turn once, and then the whole line."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._open = 0
        """The turn whose line is not final yet."""
        self._live = ""
        """What a recogniser beside the model has written of it."""

    def reopen(self) -> None:
        """What is spoken will be heard again, from its beginning."""
        self._open, self._live = 0, ""

    def heard(self, turn: int) -> None:
        """Something of a turn was heard: its line is open (again)."""
        if turn and turn != self._open:
            self._open, self._live = turn, ""

    def live(self, words: str) -> None:
        """Take the next words of a recogniser that writes while the person speaks; vad weighs them at a pause."""
        if not self._open or not words.strip():
            return
        self._live += words
        self._show(self._open, words, final=False)
        transcript = broker.Transcript(turn=self._open, text=self._live.strip())
        self._actions.add(broker.RespondResponse(transcript=transcript))

    def more(self, turn: int, words: str) -> None:
        """Take the next words by the model, unless they stand there already."""
        if not (self._live and turn == self._open):
            self._show(turn, words, final=False)

    def line(self, turn: int, words: str) -> None:
        """Take the whole line as it stands in history."""
        if turn == self._open:
            self._open, self._live = 0, ""
        self._show(turn, words, final=True)

    def _show(self, turn: int, words: str, *, final: bool) -> None:
        caption = client.Caption(who=client.Caption.WHO_USER, text=words, final=final, turn=turn)
        self._actions.add(egress.SpeakRequest(caption=caption))
