"""The captions of both sides as lines: what was heard, what is still to come, and what was cut off unheard."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..events import Caption, Who

MOST_LINES = 400
"""Lines kept; beyond it the oldest go. A file keeps them all: --transcript."""


PUNCTUATION = re.compile(r"^[^\w\s]+")


class Ink(StrEnum):
    """How a piece of a line is written."""

    PLAIN = "plain"
    """It was said and heard."""
    COMING = "coming"
    """The assistant's words that have come and are not heard yet, or the person's that may still change."""
    UNHEARD = "unheard"
    """The assistant's words that were cut off before anybody heard them."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line."""

    text: str
    ink: Ink


@dataclass(frozen=True, slots=True)
class Line:
    """One side's words of one turn. `number` names the line for as long as it is there."""

    number: int
    who: Who
    pieces: tuple[Piece, ...]
    cut_off: bool = False


class Captions:
    """Feed it captions, and how far replies have been heard; `lines` is what to show, the oldest first."""

    def __init__(self) -> None:
        self._lines: list[_Person | _Reply] = []
        self._numbers = 0
        self._floor = 0

    @property
    def lines(self) -> list[Line]:
        """Return the lines that have words."""
        drawn = (line.draw() for line in self._lines)
        return [line for line in drawn if line.pieces]

    def feed(self, caption: Caption) -> None:
        """Take more of a line, or the whole of it."""
        if caption.who is Who.USER:
            self._person(caption.turn).feed(caption)
        elif caption.final or caption.reply > self._floor:
            self._reply(caption).feed(caption)
        del self._lines[: max(0, len(self._lines) - MOST_LINES)]

    def flushed(self, floor: int) -> None:
        """Note that replies up to `floor` are silenced: of what is still on its way only the last word counts."""
        self._floor = max(self._floor, floor)

    def hear(self, reply: int, position: int) -> None:
        """Note how many samples of a reply have left the speaker; replies before it are over."""
        for line in self._lines:
            if isinstance(line, _Reply) and line.reply <= reply:
                line.heard_to = max(line.heard_to, position if line.reply == reply else line.last_position + 1)

    def _person(self, turn: int) -> _Person:
        for line in reversed(self._lines):
            if isinstance(line, _Person) and line.turn == turn:
                return line
        new = _Person(self._next_number(), turn)
        # The person's words are often written down when the answer has begun: they belong before it.
        answer = next((i for i, line in enumerate(self._lines) if isinstance(line, _Reply) and line.turn == turn), None)
        self._lines.insert(len(self._lines) if answer is None or not turn else answer, new)
        return new

    def _reply(self, caption: Caption) -> _Reply:
        for line in reversed(self._lines):
            if isinstance(line, _Reply) and line.reply == caption.reply:
                return line
        new = _Reply(self._next_number(), caption.reply, caption.turn)
        self._lines.append(new)
        return new

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers


class _Person:
    """What the person said in a turn."""

    def __init__(self, number: int, turn: int) -> None:
        self.number, self.turn = number, turn
        self._said = ""
        self._live = ""

    def feed(self, caption: Caption) -> None:
        if not caption.final:
            self._live += caption.text
            return
        self._live = ""
        whole = caption.text.strip()
        # A turn that went on after a pause is told again as a whole; what is no part of that came before it.
        self._said = whole if self._said in whole else f"{self._said} {whole}"

    def draw(self) -> Line:
        pieces = [Piece(self._said, Ink.PLAIN)] if self._said else []
        if live := self._live if self._said else self._live.lstrip():
            pieces.append(Piece(live, Ink.COMING))
        return Line(self.number, Who.USER, tuple(pieces))


class _Reply:
    """What the assistant said in a reply: pieces, each heard from its position on, and at the end what was heard."""

    def __init__(self, number: int, reply: int, turn: int) -> None:
        self.number, self.reply, self.turn = number, reply, turn
        self.heard_to = 0
        self.last_position = 0
        self._pieces: list[tuple[int, str]] = []
        self._whole: str | None = None
        self._interrupted = False

    def feed(self, caption: Caption) -> None:
        if caption.final:
            self._whole, self._interrupted = caption.text.strip(), caption.interrupted
        elif self._whole is None:
            self._pieces.append((caption.position, caption.text))
            self.last_position = max(self.last_position, caption.position)

    def draw(self) -> Line:
        if self._whole is None or not (self._interrupted or self._is_heard_out):
            pieces = self._under_way()
        else:
            pieces = [(self._whole, Ink.PLAIN)]
            if self._interrupted:
                said = "".join(text for _, text in self._pieces).strip()
                pieces.append((rest_of(said, self._whole), Ink.UNHEARD))
        shown = tuple(Piece(text, ink) for text, ink in pieces if text)
        return Line(self.number, Who.ASSISTANT, shown, self._interrupted)

    @property
    def _is_heard_out(self) -> bool:
        return not self._pieces or self.heard_to > self.last_position

    def _under_way(self) -> list[tuple[str, Ink]]:
        heard = "".join(text for position, text in self._pieces if position < self.heard_to)
        coming = "".join(text for position, text in self._pieces if position >= self.heard_to)
        if not heard:
            return [(coming.lstrip(), Ink.COMING)]
        return [(heard.lstrip(), Ink.PLAIN), (coming, Ink.COMING)]


def rest_of(said: str, heard: str) -> str:
    """Return what of the words `said` comes after those `heard`, with the space before it; all if none was heard.

    The two may differ in spaces and in a last punctuation mark, so they are laid over each other letter by letter.
    """
    wanted = [letter for letter in heard if letter.isalnum()]
    if not wanted:
        return said
    matched = 0
    for place, letter in enumerate(said):
        if not letter.isalnum():
            continue
        if letter != wanted[matched]:
            return ""  # it is told otherwise than it was announced: better nothing struck out than the wrong words
        matched += 1
        if matched == len(wanted):
            rest = PUNCTUATION.sub("", said[place + 1 :], count=1)  # that belongs to the word before
            return rest if any(letter.isalnum() for letter in rest) else ""
    return ""


def text_of(pieces: Sequence[Piece]) -> str:
    """Return a line's words without their ink."""
    return "".join(piece.text for piece in pieces)
