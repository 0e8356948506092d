"""Completeness: how likely a turn is over, from all that is known at a pause. Everything is log odds, and adds up.

What the ear heard (`smart_turn.py`), how this person has paused so far (`rhythm.py`), what was being talked about, the
words where a recogniser writes them down (`wording.py`), and the model's own ear where it listens all the time
(`model_ear.py`) are taken as independent evidence: each says how much likelier an end has become. What is not known
adds nothing. How long the silence has lasted needs no term of its own:
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
SEMANTIC_STOPPED: Final = 1.0
"""What it is worth that the model's own ear heard an end, where it goes by what is said. Chosen, not measured: as much
as a judgement of 73 % by our own ear, which it can overrule only where that is in doubt."""
SILENCE_STOPPED: Final = 0.3
"""The same where it goes by silence alone, as `server_vad` does. Chosen, and small: silence we hear as well."""


@dataclass(frozen=True)
class Context:
    """What else is known of a turn. All of it may be unknown."""

    asked: bool = False
    """The assistant's last words were a question."""
    words: str | None = None
    """The turn so far, by a streaming recogniser."""
    language: str = "en"
    model_stopped: float = 0.0
    """What it is worth that the model's own ear has heard the end in this pause. 0: it has not. That says nothing, even
    of an ear that hears everything: its word may be on its way."""


def log_odds(probability: float) -> float:
    """Return ln(p / (1 - p)), at most `CERTAIN` either way."""
    least = 1.0 / (1.0 + math.exp(CERTAIN))
    held = min(max(probability, least), 1.0 - least)
    return math.log(held / (1.0 - held))


def probability(odds: float) -> float:
    """Return the probability of log odds."""
    return 1.0 / (1.0 + math.exp(-odds))


def ends(heard: Sequence[float], rhythm: Rhythm, context: Context, speech_ms: float) -> float | None:
    """Return the log odds that the turn is over, or None if neither our ear nor a recogniser says anything.

    `heard` is what the model said of this pause, p(complete) each time: its judgements are of the same sound, so they
    are averaged. `speech_ms` is the speech in the turn so far.
    """
    if not heard and not context.words:
        return None
    odds = sum(map(log_odds, heard)) / len(heard) if heard else 0.0
    odds += rhythm.ends + wording(context.words, context.language) + context.model_stopped
    if context.asked:
        odds += ANSWER * max(1.0 - speech_ms / ANSWER_MS, 0.0)
    return odds
