"""Profile: how patient and how interruptible an agent is, and which words it obeys: `turn_taking` of its file.

docs/agents.md tells operators of every key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from services.common.agents import Agents, read_agents
from services.common.errors import SettingsFault
from services.common.section import Section
from services.common.settings import Environment
from services.vad.content.enrolment import EnrolledWord, load
from services.vad.content.words import obeyed
from services.vad.endpointing import EndpointingSettings
from services.vad.events import TurnTakingSettings
from services.vad.interruption_settings import InterruptionSettings

SECTION: Final = "turn_taking"
PATIENCE: Final = {
    "calm": EndpointingSettings.calm(),
    "normal": EndpointingSettings.normal(),
    "eager": EndpointingSettings.eager(),
}
INTERRUPTIBILITY: Final = {
    "low": InterruptionSettings.low(),
    "normal": InterruptionSettings.normal(),
    "high": InterruptionSettings.high(),
}
AFTER_STOP: Final = {"listen": False, "answer": True}
LANGUAGES: Final = ("en",)

T = TypeVar("T")


@dataclass(frozen=True)
class Profile:
    """An agent's, shared by all its conversations."""

    settings: TurnTakingSettings = field(default_factory=TurnTakingSettings)
    words: frozenset[str] = field(default_factory=lambda: obeyed(LANGUAGES))
    """Units of the content model that interrupt (see `content/words.py`)."""
    enrolled: tuple[EnrolledWord, ...] = ()


def read_profiles(env: Environment) -> Agents[Profile]:
    """Read the profiles of all agents. Raises SettingsFault for whatever is wrong in a file."""
    return read_agents(env, profile, SECTION)


def profile(section: Section) -> Profile:
    """Make a profile of `turn_taking`. Raises SettingsFault, naming the key."""
    endpointing = section.choice("patience", PATIENCE["normal"], PATIENCE)
    interruption = section.choice("interruptibility", INTERRUPTIBILITY["normal"], INTERRUPTIBILITY)
    answers_stop = section.choice("after_stop", False, AFTER_STOP)
    languages = section.words("languages")
    languages = LANGUAGES if languages is None else languages
    chosen = _checked(section, "languages", lambda: obeyed(languages))
    if (words := section.words("words")) is not None:
        chosen = _checked(section, "words", lambda: obeyed((), words))
    files = section.words("enrolled") or ()
    enrolled = _checked(section, "enrolled", lambda: tuple(load(section.folder / file) for file in files))
    settings = TurnTakingSettings(
        endpointing=endpointing,
        interruption=interruption,
        language=next(iter(languages), LANGUAGES[0]),
        answers_stop=answers_stop,
    )
    return Profile(settings, chosen, enrolled)


def _checked(section: Section, key: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except SettingsFault as error:
        raise section.fault(key, f"can't be obeyed: {error.message}") from error
