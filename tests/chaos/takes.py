"""A take: all that is known of one conversation when it is over, before it is scored."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chaos.mic_code import Utterance
from tests.chaos.person import Spoken
from tests.chaos.wording import Heard
from tests.fakes.position_code import Run


@dataclass(frozen=True)
class Cell:
    """A cell of the matrix, and the how manieth time it is tried. Without a stage nothing happened."""

    stage: str
    fault: str
    moment: str
    """A `Moment`, or "any"."""
    repetition: int = 0


@dataclass
class Take:
    """One conversation under one fault."""

    cell: Cell
    session: str = ""
    victim: str = ""
    """The process that was struck."""
    was_in_moment: bool = False
    """The fault struck in the moment it was meant for."""
    why_not: str = ""
    """Why the conversation did not go on; empty if all of the script was held."""
    spoken: list[Spoken] = field(default_factory=list)
    struck_at: int = 0
    """When the fault struck, on the microphone's clock."""
    heard_up_to: int = 0
    """How much the speaker has played in all, silence included, in samples at 24 kHz."""
    runs: list[Run] = field(default_factory=list)
    """What left the speaker."""
    silenced: list[int] = field(default_factory=list)
    """When the speaker fell silent after a flush, in samples played."""
    remembered: list[str] = field(default_factory=list)
    """The person's turns as history has them, in order."""
    looked_up: list[int] = field(default_factory=list)
    """The utterance for which each errand was run, one entry for each Idempotency-Key."""
    requests: int = 0
    """How often the tool was asked in all."""
    continued_by_model: set[Utterance] = field(default_factory=set)
    """Utterances whose answer the model was asked to go on with."""
    begun_anew: set[Utterance] = field(default_factory=set)
    """Utterances whose answer a model was asked for more than once, from its first word on."""
    half_heard: set[Heard] = field(default_factory=set)
    """Halves of utterances that the model was asked to answer."""
    reconnected: list[str] = field(default_factory=list)
    """Why the client has made its connection anew, each time."""
    dropped_frames: int = 0
    """Frames of the microphone that the client has given up."""
    worst_lag_ms: float = 0.0
    """How late the client's latest tick was: this machine's doing, and no part of the ring's."""
