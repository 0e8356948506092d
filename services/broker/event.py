"""Fields of a server event. What a faulty server leaves out, nulls or mistypes counts as absent; no call ends by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Event: TypeAlias = Mapping[str, Any]
"""A JSON object from the model, or one inside it."""

MOST: Final = 2**53
"""From here on JSON's numbers are not exact, and none of ours is nearly as large."""


def text(event: Event, name: str) -> str:
    """Return a string, or "" for none. Half a surrogate pair, which JSON can hold and no record can, becomes "?"."""
    value = event.get(name)
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def table(event: Event, name: str) -> Event:
    """Return an object inside, or an empty one."""
    value = event.get(name)
    return value if isinstance(value, dict) else {}


def tables(event: Event, name: str) -> list[Event]:
    """Return the objects of a list inside, or none."""
    value = event.get(name)
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def count(event: Event, name: str) -> int:
    """Return a whole number from 0 on that can be one, or 0 for none."""
    value = event.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < MOST else 0
