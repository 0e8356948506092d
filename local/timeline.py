"""A conversation as a person can read it: who spoke when, what was ducked, cut or went on, and where the time went.

Pure: `follow(events)` makes speeches of what happened; `picture.py` draws them. All times are milliseconds on the
client's sample clock, from the beginning of the conversation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

PERSON: Final = "you"
ASSISTANT: Final = "Parley"
_DUCK_HOLD_MS: Final = 800.0
"""A client undoes a duck without a verdict after this time."""

# Events


@dataclass(frozen=True)
class PersonSpoke:
    """The person said something, from the first to the last sample of the words."""

    start_ms: float
    end_ms: float
    words: str


@dataclass(frozen=True)
class ReplyBegan:
    """The first sample of a reply left the speaker."""

    at_ms: float
    reply: int


@dataclass(frozen=True)
class ReplyOver:
    """The last sample of a reply left the speaker: at its end, or because it was cut off."""

    at_ms: float
    reply: int
    cut: bool


@dataclass(frozen=True)
class Ducked:
    """The output was lowered."""

    at_ms: float


@dataclass(frozen=True)
class Released:
    """The output is at full level again."""

    at_ms: float


@dataclass(frozen=True)
class Captioned:
    """What was heard of a reply, in words; a later caption of the same reply takes the place of an earlier one."""

    reply: int
    words: str


@dataclass(frozen=True)
class Measured:
    """Where the time went between the person's last sample and the first of this reply: (stage, ms), in order."""

    reply: int
    stages: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Understood:
    """What the person's words were taken for: the last ones that had ended by then."""

    at_ms: float
    words: str


Event = PersonSpoke | Understood | ReplyBegan | ReplyOver | Ducked | Released | Captioned | Measured


@dataclass(frozen=True)
class Speech:
    """Something that one of the two said. `reply` is 0 for the person; `ducks` are (start, end) in milliseconds."""

    who: str
    start_ms: float
    end_ms: float
    words: str = ""
    reply: int = 0
    cut: bool = False
    ducks: tuple[tuple[float, float], ...] = ()
    stages: tuple[tuple[str, float], ...] = ()
    understood: str = ""

    def overlaps(self, other: Speech) -> bool:
        """Tell whether both were audible at some moment."""
        return self.start_ms < other.end_ms and other.start_ms < self.end_ms


def follow(events: Iterable[Event]) -> list[Speech]:
    """Make speeches of events, in the order in which they began; a reply without an end lasts as long as is known.

    Events come in the order in which they became known: words may come after the audio, measures before or after.
    """
    said: list[Speech] = []
    replies: dict[int, Speech] = {}
    words: dict[int, str] = {}
    stages: dict[int, tuple[tuple[str, float], ...]] = {}
    ducks = _Ducks()
    latest = 0.0
    for event in events:
        match event:
            case PersonSpoke(start, end, text):
                said.append(Speech(PERSON, start, end, text))
                latest = max(latest, end)
            case Understood(at, text):
                _understand(said, at, text)
            case ReplyBegan(at, reply):
                replies[reply] = Speech(ASSISTANT, at, -1, reply=reply)
            case ReplyOver(at, reply, cut) if reply in replies and replies[reply].end_ms < 0:
                replies[reply] = replace(replies[reply], end_ms=at, cut=cut)
                ducks.end(at)
            case Ducked(at):
                ducks.begin(at)
            case Released(at):
                ducks.end(at)
            case Captioned(reply, text):
                words[reply] = text
            case Measured(reply, found):
                stages[reply] = found
        if isinstance(event, ReplyBegan | ReplyOver | Ducked | Released):
            latest = max(latest, event.at_ms)
    ducks.end(latest)
    for reply, speech in replies.items():
        whole = replace(speech, end_ms=latest) if speech.end_ms < 0 else speech
        said.append(replace(whole, words=words.get(reply, ""), stages=stages.get(reply, ()), ducks=ducks.within(whole)))
    return sorted(said, key=lambda speech: speech.start_ms)


def letters(words: str) -> str:
    """Return what is left of words when their writing does not matter."""
    return "".join(character for character in words.casefold() if character.isalnum())


def _understand(said: list[Speech], at: float, text: str) -> None:
    """Write what was understood to the latest of the person's speeches that had ended by `at`."""
    for index in reversed(range(len(said))):
        if said[index].end_ms <= at:
            said[index] = replace(said[index], understood=text)
            return


@dataclass
class _Ducks:
    """The stretches during which the output was lowered."""

    spans: list[tuple[float, float]] = field(default_factory=list)
    since: float | None = None

    def begin(self, at: float) -> None:
        self.since = at if self.since is None else self.since

    def end(self, at: float) -> None:
        if self.since is not None and at > self.since:
            self.spans.append((self.since, min(at, self.since + _DUCK_HOLD_MS)))
        self.since = None

    def within(self, speech: Speech) -> tuple[tuple[float, float], ...]:
        clipped = [(max(a, speech.start_ms), min(b, speech.end_ms)) for a, b in self.spans]
        return tuple((a, b) for a, b in clipped if a < b)
