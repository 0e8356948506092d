"""Log settings: in which form the log is written, how much of it, and whether words of people's may stand in it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from services.common.errors import SettingsFault
from services.common.settings import Environment

FORM: Final = "PARLEY_LOG"
LEVEL: Final = "PARLEY_LOG_LEVEL"
WORDS: Final = "PARLEY_LOG_WORDS"

TEXT, JSON = "text", "json"
_LEVELS: Final = ("debug", "info", "warning", "error")


@dataclass(frozen=True)
class LogSettings:
    """One process's."""

    form: str = TEXT
    level: int = logging.INFO
    words: bool = False

    @classmethod
    def read(cls, env: Environment) -> LogSettings:
        """Read PARLEY_LOG, PARLEY_LOG_LEVEL and PARLEY_LOG_WORDS. Raises SettingsFault."""
        form = _one_of(env, FORM, (TEXT, JSON), TEXT)
        level = _one_of(env, LEVEL, _LEVELS, "info")
        return cls(
            form, logging.getLevelNamesMapping()[level.upper()], _one_of(env, WORDS, ("on", "off"), "off") == "on"
        )


def _one_of(env: Environment, name: str, choices: tuple[str, ...], default: str) -> str:
    value = env.text(name, default).strip().lower()
    if value not in choices:
        raise SettingsFault(f"{name}={env.text(name)!r} must be {', '.join(choices[:-1])} or {choices[-1]}.")
    return value
