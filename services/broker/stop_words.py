"""Stop words: an interruption that wants silence, not an answer."""

from __future__ import annotations

import re
from typing import Final

BARE_STOP_MS: Final = 1_200
"""An interruption with more speech than this says something that wants an answer."""

_STOP: Final = frozenset(
    """stop, wait, quiet, silence, enough, hush, pause, hold on, hang on, be quiet, shut up, stop it, stop that,
    stop talking, stop now, that's enough, one moment, just a moment, one second, hold it, never mind, hey, please,
    stop there""".replace("\n    ", " ").split(", ")
)
_FILLERS: Final = frozenset({"please", "now", "okay", "ok", "oh", "uh", "um", "just", "hey", "no"})


def is_bare_stop(text: str) -> bool:
    """Say whether the words only ask for silence: "Stop!", "okay, stop please", "wait"."""
    words = re.sub(r"[^a-z' ]+", " ", text.lower()).split()
    if " ".join(words) in _STOP:
        return True
    core = [word for word in words if word not in _FILLERS]
    return bool(core) and (" ".join(core) in _STOP or set(core) <= {"stop", "wait", "quiet"})
