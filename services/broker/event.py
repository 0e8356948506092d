"""Fields of a server event. What a faulty server leaves out, nulls or mistypes counts as absent; no call ends by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Event: TypeAlias = Mapping[str, Any]
"""A JSON object from the model, or one inside it."""


def text(event: Event, name: str) -> str:
    """Return a string, or "" for none."""
    value = event.get(name)
    return value if isinstance(value, str) else ""


def table(event: Event, name: str) -> Event:
    """Return an object inside, or an empty one."""
    value = event.get(name)
    return value if isinstance(value, dict) else {}


def tables(event: Event, name: str) -> list[Event]:
    """Return the objects of a list inside, or none."""
    value = event.get(name)
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def count(event: Event, name: str) -> int:
    """Return a whole number from 0 on, or 0 for none."""
    value = event.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
