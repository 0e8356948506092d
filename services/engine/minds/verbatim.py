"""Verbatim: the one kind of instructions the small mind obeys: to say exactly what stands in them."""

from __future__ import annotations

import re
from typing import Final

_ORDER: Final = re.compile(r"\s*say exactly the following\b[^:]*:\s*(.+)", re.IGNORECASE | re.DOTALL)
"""As in OpenAI's own example: "Say exactly the following: I'm a little teapot". Up to the colon, anything goes."""

_QUOTES: Final = ('""', "“”")


def dictated(instructions: str) -> str | None:
    """Return the words that the instructions want said, without the quotes around them; None when they want none."""
    order = _ORDER.fullmatch(instructions)
    if order is None:
        return None
    words = order[1].strip()
    if len(words) > 2 and words[0] + words[-1] in _QUOTES:
        words = words[1:-1].strip()
    return words
