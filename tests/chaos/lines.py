"""Lines: what people say in the conversations of the chaos, and how the scripted model answers each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Line:
    """One line, and its answer. A word of an answer lasts 250 ms, whatever it is."""

    text: str
    answer_words: int
    think_s: float = 0.15
    """From the model's being asked to its first word."""
    calls: bool = False
    """The model has something looked up before it answers."""
    speed: float = 4.0
    """How many seconds of its answer the model gives in one."""


GREETING: Final = 0
QUESTION: Final = 1
RIDDLE: Final = 2
POEM: Final = 3
OBJECTION: Final = 4
ERRAND: Final = 5
FAREWELL: Final = 6

LINES: Final = (
    Line("How are you today?", 5),
    Line("I have been wondering for quite a while which of the three roads over the mountains is open in winter.", 8),
    Line("How many people live in the town where the river meets the sea?", 8, think_s=1.8),
    Line("Please read me the poem from yesterday.", 32, speed=1.6),
    Line("No, wait a moment, I would rather hear about the weather tomorrow.", 8),
    Line("Can you look up when the next train leaves?", 8, calls=True),
    Line("And what is the weather going to be like?", 6),
)
"""By number; a number is as good as the line itself to whoever knows this table."""
