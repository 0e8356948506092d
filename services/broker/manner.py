"""Manner: what one agent's conversation is to be like, as far as the core of the broker must know."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from services.broker.money import Prices
from services.broker.upstream.capabilities import Capabilities

ANSWER_S: Final = 10.0
SILENCE_S: Final = 30.0


class TurnMode(Enum):
    """Whose ear says where a turn ends. On interruptions ours decides in any case."""

    PARLEY = "parley"
    """vad's alone; the model hears nothing but turns."""
    SEMANTIC_VAD = "semantic_vad"
    SERVER_VAD = "server_vad"
    """The model's is one more voice; it hears everything, all the time."""


@dataclass(frozen=True)
class Closing:
    """When a session ends by itself."""

    silence_s: float = SILENCE_S
    """So long after the last thing heard or said; 0: never."""
    reprompt: str = ""
    """Said once before that, after as long a silence; "" for nothing."""
    on_goodbye: bool = True
    """A goodbye, answered, ends it."""
    end_tool: bool = True
    """The model may end it by the tool `end_conversation`."""
    max_s: float = 0.0
    """The longest it may last; 0: without end."""
    budget_micros: int = 0
    """What it may cost, in millionths of the price table's currency; 0: anything."""
    last_words: str = "I am sorry, our time is up. Goodbye!"
    """Said before `max_s` or the budget ends it."""


@dataclass(frozen=True)
class Manner:
    """The defaults are those of an agent without a profile, at a server with every capability."""

    capabilities: Capabilities = field(default_factory=Capabilities)
    turns: TurnMode = TurnMode.PARLEY
    instructions: str = ""
    """The session's, to be repeated where a response has instructions of its own: those replace them."""
    greeting: str = ""
    """Said first, word for word; "" waits for the person."""
    answer_s: float = ANSWER_S
    """How long the model has to take up a request for a response, or refuse it."""
    speculate: bool = True
    """Ask for the answer when a turn has probably ended."""
    filler: str = ""
    """Said when a tool is slow; "" for nothing."""
    filler_after_s: float = 1.5
    max_tool_rounds: int = 8
    """Responses in a row that do nothing but call tools, before the turn is given up."""
    closing: Closing = field(default_factory=lambda: Closing(silence_s=0))
    prices: Prices = field(default_factory=Prices)

    @property
    def listens_always(self) -> bool:
        """True when the model is to hear everything, and not only turns."""
        can = self.capabilities
        return self.turns is not TurnMode.PARLEY or can.needs_continuous_input or not can.has_turns
