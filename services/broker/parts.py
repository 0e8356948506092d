"""Parts: what is still to be known, or kept, of what the person said: words awaited, sound that may be needed."""

from __future__ import annotations

import math
from typing import Final

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from services.broker.actions import Actions
from services.broker.history import History
from services.broker.part import Part
from services.broker.person_captions import PersonCaptions

TRANSCRIPT_LOST_S: Final = 15.0
"""A turn whose words aren't known by then enters history without them."""

KEPT_SOUND_BYTES: Final = 4 << 20
"""The sound of answered turns without a transcript is all that is known of them: two minutes are kept."""


class Parts:
    """One conversation's, from their commit until their words stand in history and their turn is answered."""

    def __init__(self, actions: Actions, history: History, *, transcribes: bool) -> None:
        self.transcribes = transcribes
        """False after a turn whose transcript never came, until one does."""
        self.captions = PersonCaptions(actions)
        self.pending: list[Part] = []
        """Those whose words are awaited, oldest first."""
        self._actions = actions
        self._history = history
        self._with_sound: list[Part] = []
        """Those whose sound is kept, oldest first."""
        self._answered = 0
        self._begun = False

    def since_s(self, now_s: float) -> float:
        """Return from when on words of what is committed now can be late: never while there is no model."""
        return now_s if self._begun else math.inf

    def keep(self, part: Part) -> None:
        """Await a part's words."""
        part.place = self._history.reserve(part)
        self.pending.append(part)
        self._with_sound.append(part)

    def begin(self, now_s: float) -> None:
        """The model begins to listen: only now can it be late with a transcript."""
        self._begun = True
        for part in self.pending:
            part.since_s = now_s

    def lose_model(self) -> None:
        """Nobody writes anything down until there is another."""
        self._begun = False
        for part in self.pending:
            part.since_s = math.inf

    def answered(self, turn: int) -> None:
        """A turn's answer has begun: from now on its words will do, where they are known."""
        self._answered = max(self._answered, turn)
        self._let_sound_go()

    def is_answered(self, part: Part) -> bool:
        """Say whether a part's turn has been answered, or begun to be."""
        return part.turn <= self._answered

    def _let_sound_go(self) -> None:
        """Keep the sound of what is not answered, and of the newest turns that nobody could write down."""
        room = KEPT_SOUND_BYTES
        for part in reversed(self._with_sound):
            if self.is_answered(part) and part.transcript is not None:
                room -= len(part.pcm)
                if part.transcript or room < 0:
                    part.pcm = b""
        self._with_sound = [part for part in self._with_sound if part.pcm]

    def of_item(self, item_id: str) -> Part | None:
        """Return the part that awaits the words of an item."""
        return next((part for part in self.pending if item_id and part.item_id == item_id), None)

    def late(self, now_s: float) -> list[Part]:
        """Return those whose words have been waited for long enough."""
        return [part for part in self.pending if now_s - part.since_s > TRANSCRIPT_LOST_S]

    # What becomes of one.

    def understood(self, part: Part, transcript: str, *, transcribes: bool) -> Part:
        """Its words are known, or given up."""
        self.transcribes = transcribes
        part.transcript = transcript
        self._let_sound_go()
        self.pending.remove(part)
        if part.is_held:
            self.write(part, transcript)
        else:
            self.say(part)
        return part

    def void(self, part: Part) -> None:
        """There was no turn in it."""
        if part in self.pending:
            self.pending.remove(part)
        part.transcript, part.pcm = "", b""
        if not part.is_held:
            self._history.fill(part.place, broker.RespondResponse(answered=broker.Answered(turn=part.turn)))

    def drop(self, part: Part) -> None:
        """Nothing more becomes of it."""
        part.is_void = True
        self._history.fill(part.place)
        if part in self.pending:
            self.pending.remove(part)
        part.pcm = b""

    def write(self, part: Part, words: str) -> None:
        """Tell vad the words of a turn whose end is tentative: it weighs them with the pause."""
        if words and not part.is_void:
            written = broker.Transcript(turn=part.turn, text=words)
            self._actions.add(broker.RespondResponse(transcript=written))

    def typed(self, turn: int, words: str, mic_offset: int = 0, name: str = "") -> Part:
        """Return a part whose words need nobody to write them down; `say` it."""
        part = Part(turn, "", math.inf, transcript=words, mic_offset=mic_offset, name=name)
        part.place = self._history.reserve(part)
        return part

    def say(self, part: Part) -> None:
        """Put a part's words into history and captions; then the turn's audio need not be kept.

        A turn that nobody could transcribe stands there without words, so that its answer has a question.
        """
        self._enter(part, part.transcript or "")
        self.captions.line(part.turn, part.transcript or "")

    def close(self) -> None:
        """The session ends: what nobody has written down yet stands in history without words."""
        for part in [part for part in self.pending if not part.is_held]:
            self.pending.remove(part)
            self._enter(part, "")

    def _enter(self, part: Part, words: str) -> None:
        item = session.HistoryItem(
            role=session.HistoryItem.ROLE_USER,
            text=words,
            turn=part.told_as or part.turn,
            item=part.item_id,
            mic_offset=part.mic_offset,
            id=part.name,
        )
        self._history.fill(part.place, item, broker.RespondResponse(answered=broker.Answered(turn=part.turn)))
