"""Wording: what a partial transcript tells of a turn's end. "I'd like a coffee and" is not over, whatever the pause.

Only where a streaming recogniser is configured; none is built in. It needs no grammar: a few words that no sentence
ends with, hesitations, marks of punctuation, and numbers that are half spoken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Protocol


class Recogniser(Protocol):
    """What writes down speech while it is spoken."""

    def partial(self, pcm: bytes) -> str:
        """Return the words of a turn so far (16 kHz, s16le), "" if there are none yet; may block."""
        ...


@dataclass(frozen=True)
class Language:
    """The words of a language that tell of an end, all in lower case."""

    dangling: frozenset[str]
    """Words after which something must come: articles, prepositions, conjunctions."""
    hesitations: frozenset[str]
    answers: frozenset[str]
    """Complete by themselves."""
    digits: frozenset[str]
    closings: tuple[str, ...] = ()
    """Phrases that a turn ends with."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENGLISH: Final = Language(
    dangling=_words(
        "a an the and or but nor so because since unless until although though while if when where whether that than"
        " as of to for from with without into onto in on at by about between under over through during against"
        " my your his her its our their this these those some any every each no very too quite really just only"
        " is are was were be been am will would can could shall should may might must do does did have has had"
        " i we they he she i'm i'd i'll i've we're we'd you're it's that's there's let's"
        " what's not also then which who whose"
    ),
    hesitations=_words("um uh er erm uhm hmm hm mm eh ah like well"),
    answers=_words(
        "yes no yeah yep nope sure okay ok right exactly thanks correct please never maybe stop hello hi bye goodbye"
    ),
    digits=_words("zero oh one two three four five six seven eight nine double triple"),
    closings=(
        "thank you",
        "that's all",
        "that's it",
        "that is all",
        "that is it",
        "go ahead",
        "you too",
        "i don't know",
    ),
)
GERMAN: Final = Language(
    dangling=_words(
        "der die das den dem des ein eine einen einem einer eines und oder aber denn weil dass ob wenn als wie sondern"
        " zu für von mit ohne in im an am auf bei nach aus über unter zwischen durch gegen um vor mein meine dein deine"
        " sein ihr unser ist sind war hat haben wird kann muss soll will möchte würde ich wir er sie es sehr ganz noch"
    ),
    hesitations=_words("äh ähm öh hm mhm also tja"),
    answers=_words("ja nein doch gut okay genau danke bitte klar richtig stimmt stopp hallo tschüss nie vielleicht"),
    digits=_words("null eins zwei zwo drei vier fünf sechs sieben acht neun"),
    closings=("das ist alles", "das war's", "vielen dank", "keine ahnung", "weiß ich nicht"),
)
LANGUAGES: Final = {"en": ENGLISH, "de": GERMAN}
"""By the first part of a language's tag ("en-GB" is "en")."""

DANGLING: Final = -2.5
HESITATING: Final = -3.0
HALF_NUMBER: Final = -2.0
UNFINISHED: Final = -1.5
CLOSED: Final = 1.5
"""What each finding is worth, as log odds of an end. Chosen, not fitted: no recording with a streaming transcript."""

USUAL_NUMBERS: Final = frozenset({1, 2, 3, 4, 6, 7, 8, 10, 11, 16})
"""Digits in a row that may be all: door and house numbers, codes, telephone and card numbers."""

_ENDING: Final = re.compile(r"[.!?。！？]['\"”»]?$")
_OPEN: Final = re.compile(r"(\.\.\.|…|[,;:–—-])$")


def wording(text: str | None, language: str = "en") -> float:
    """Return how much likelier than usual the turn is over by its words, as log odds; 0 without text or knowledge.

    `language` is a tag such as "en" or "de-AT"; of a language without a table only punctuation counts.
    """
    text = (text or "").strip().lower().replace("’", "'")
    if not text:
        return 0.0
    if _OPEN.search(text):
        return UNFINISHED
    table = LANGUAGES.get(language.lower().split("-")[0])
    is_marked = _ENDING.search(text) is not None
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)*", text)
    if table is None or not words:
        return CLOSED if is_marked else 0.0
    last = words[-1]
    if last in table.hesitations:
        return HESITATING
    if last in table.dangling and not is_marked:
        return DANGLING
    digits = _digits(words, table)
    if digits:
        return HALF_NUMBER if digits not in USUAL_NUMBERS else 0.0
    is_closed = is_marked or text.rstrip(".!?").endswith(table.closings) or (len(words) <= 2 and last in table.answers)
    return CLOSED if is_closed else 0.0


def _digits(words: list[str], table: Language) -> int:
    """Count the digits spoken in a row at the end; a single one is a number, and no row."""
    count = 0
    for word in reversed(words):
        if word.isdigit():
            count += len(word)
        elif word in table.digits:
            count += 1
        else:
            break
    return count if count > 1 else 0
