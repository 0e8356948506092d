"""Completeness: how likely a turn is over, from all that is known at a pause. Everything is log odds, and adds up.

What the ear heard (`smart_turn.py`), how this person has paused so far (`rhythm.py`), what was being talked about, and
the words where a recogniser writes them down (`wording.py`) are taken as independent evidence: each says how much
likelier an end has become. What is not known adds nothing. How long the silence has lasted needs no term of its own:
the pause that ends a turn follows from these odds (`endpointing.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.vad.rhythm import Rhythm
from services.vad.wording import wording

CERTAIN: Final = 7.0
"""No single judgement counts for more than these log odds (0.999): models are surer than they are right."""
ANSWER: Final = 1.5
"""What it is worth that a question was just asked, to an answer of no length."""
ANSWER_MS: Final = 1_500
"""Speech after which that is worth nothing any more: then it is no short answer."""


@dataclass(frozen=True)
class Context:
    """What else is known of a turn. All of it may be unknown."""

    asked: bool = False
    """The assistant's last words were a question."""
    words: str | None = None
    """The turn so far, by a streaming recogniser."""
    language: str = "en"


def log_odds(probability: float) -> float:
    """Return ln(p / (1 - p)), at most `CERTAIN` either way."""
    least = 1.0 / (1.0 + math.exp(CERTAIN))
    held = min(max(probability, least), 1.0 - least)
    return math.log(held / (1.0 - held))


def probability(odds: float) -> float:
    """Return the probability of log odds."""
    return 1.0 / (1.0 + math.exp(-odds))


def ends(heard: Sequence[float], rhythm: Rhythm, context: Context, speech_ms: float) -> float | None:
    """Return the log odds that the turn is over, or None if neither ear nor recogniser says anything.

    `heard` is what the model said of this pause, p(complete) each time: its judgements are of the same sound, so they
    are averaged. `speech_ms` is the speech in the turn so far.
    """
    if not heard and not context.words:
        return None
    odds = sum(map(log_odds, heard)) / len(heard) if heard else 0.0
    odds += rhythm.ends + wording(context.words, context.language)
    if context.asked:
        odds += ANSWER * max(1.0 - speech_ms / ANSWER_MS, 0.0)
    return odds
