"""Stop words: an interruption that wants silence, not an answer."""

from __future__ import annotations

import re
from typing import Final

from parley.v1 import broker_service_pb2 as broker

BARE_STOP_MS: Final = 1_200
"""An interruption with more speech than this says something that wants an answer."""

_PHRASES: Final = (
    "just a moment, just a second, just a minute, stop talking right now, stop talking, that's enough, thats enough, "
    "wait a moment, wait a second, wait a minute, one moment, one second, one minute, a moment, a second, a minute, "
    "hold on, hold it, hang on, be quiet, shut up, stop it, stop that, stop there, never mind, "
    "stop, wait, quiet, silence, enough, hush, pause, hey"
)
_STOPS: Final = [phrase.split() for phrase in _PHRASES.split(", ")]
"""Longer ones before those that they begin with."""

_CLIPPED: Final = "top"
"""What recognisers write when the soft hiss of a "stop" is lost; nobody interrupts with it alone."""

_FILLERS: Final = frozenset({"please", "now", "okay", "ok", "oh", "uh", "um", "just", "no"})


def may_be_bare(ended: broker.TurnEnded) -> bool:
    """Say whether a turn may be nothing but a stop word, and such a word is not to be answered."""
    return ended.interruption and ended.speech_ms <= BARE_STOP_MS and not ended.answers_stop


def is_bare_stop(text: str) -> bool:
    """Say whether the words only ask for silence: "Stop!", "okay, stop please", "wait, wait a second"."""
    words = re.sub(r"[^\w']+", " ", text.lower().replace("’", "'")).split()
    if words == [_CLIPPED]:
        return True
    stops = 0
    while words:
        phrase = next((stop for stop in _STOPS if words[: len(stop)] == stop), None)
        if phrase is None and words[0] not in _FILLERS:
            return False
        stops += phrase is not None
        words = words[len(phrase) if phrase else 1 :]
    return stops > 0
