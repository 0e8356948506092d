"""Fields: reads what a client wrote, and says by its path what is wrong with it. All raise ClientError."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from services.engine.protocol.errors import missing, unknown, wrong_type, wrong_value

Fields = dict[str, Any]


def object_at(value: object, path: str) -> Fields:
    """An object."""
    if not isinstance(value, dict):
        raise wrong_type(path, "an object")
    return value


def object_in(fields: Fields, name: str, path: str) -> Fields:
    """An object within the object at `path`; one that is not there, or null, is empty."""
    value = fields.get(name)
    return {} if value is None else object_at(value, inside(path, name))


def list_at(value: object, path: str) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise wrong_type(path, "a list")
    return value


def string_at(value: object, path: str, longest: int | None = None) -> str:
    """A string, of at most `longest` characters."""
    if not isinstance(value, str):
        raise wrong_type(path, "a string")
    if longest is not None and len(value) > longest:
        raise wrong_value(path, f"it may have {longest} characters at most")
    return value


def boolean_at(value: object, path: str) -> bool:
    """A boolean."""
    if not isinstance(value, bool):
        raise wrong_type(path, "true or false")
    return value


def integer_at(value: object, path: str, low: int, high: int | None = None) -> int:
    """A whole number from `low` to `high`; nothing is rounded."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(path, "a whole number")
    if value < low or (high is not None and value > high):
        raise wrong_value(
            path, f"it must be from {low} to {high}" if high is not None else f"it must be at least {low}"
        )
    return value


def number_at(value: object, path: str, low: float, high: float) -> float:
    """A number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(path, "a number")
    if not low <= value <= high:
        raise wrong_value(path, f"it must be from {low} to {high}")
    return float(value)


def choice_at(value: object, path: str, choices: Collection[str]) -> str:
    """One of some strings."""
    if not isinstance(value, str) or value not in choices:
        raise wrong_value(path, "it must be " + " or ".join(f'"{choice}"' for choice in choices))
    return value


def only(fields: Fields, allowed: Collection[str], path: str) -> None:
    """Refuse fields that do not exist; `path` is that of the object, empty for an event."""
    for name in fields:
        if name not in allowed:
            raise unknown(inside(path, name))


def needed(fields: Fields, name: str, path: str) -> Any:
    """A field that must be there, and not null."""
    if fields.get(name) is None:
        raise missing(inside(path, name))
    return fields[name]


def inside(path: str, name: str) -> str:
    """The path of a field of the object at `path`."""
    return f"{path}.{name}" if path else name
