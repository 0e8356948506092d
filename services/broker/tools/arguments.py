"""Arguments: what the model wrote, made an object, and held against the tool's schema before anything is called.

A model that is told what is wrong mostly gets it right the second time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final, NoReturn

MOST_CHARS: Final = 64 * 1024
_SHOWN: Final = 100

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int, float),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


class BadArguments(Exception):
    """Arguments that no tool can be called with; the message tells the model what to do."""


def parse(text: str) -> dict[str, Any]:
    """Return the object that the model wrote. Raises BadArguments."""
    if len(text) > MOST_CHARS:
        raise BadArguments(f"the arguments have {len(text)} characters; they may have {MOST_CHARS}.")
    try:
        value = json.loads(text or "{}", parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BadArguments(f"the arguments are not valid JSON ({error}). Call again with a JSON object.") from error
    if not isinstance(value, dict):
        raise BadArguments(f"the arguments must be a JSON object, such as {{}}, not {_shown(value)}. Call again.")
    return value


def check(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Hold arguments against a schema's `required`, `properties` with their `type` and `enum`, and nothing deeper.

    Raises BadArguments.
    """
    properties: Mapping[str, Any] = schema.get("properties") or {}
    if missing := [name for name in schema.get("required") or () if name not in arguments]:
        raise BadArguments(f"{', '.join(missing)} must be given. Call again with it, or ask for it first.")
    if not schema.get("additionalProperties") and (extra := [name for name in arguments if name not in properties]):
        known = ", ".join(properties) or "none"
        raise BadArguments(f"there is no parameter {extra[0][:_SHOWN]!r}; there are: {known}. Call again.")
    for name, value in arguments.items():
        expected = properties.get(name)
        if isinstance(expected, Mapping):
            _check_one(name, value, expected)


def _check_one(name: str, value: object, schema: Mapping[str, Any]) -> None:
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(kinds, list) and not any(_is_a(value, kind) for kind in kinds):
        raise BadArguments(f"{name} must be of type {' or '.join(map(str, kinds))}, not {_shown(value)}. Call again.")
    choices = schema.get("enum")
    if isinstance(choices, list) and value not in choices:
        raise BadArguments(f"{name} must be one of {_shown(choices)}, not {_shown(value)}. Call again.")


def _is_a(value: object, kind: object) -> bool:
    """Say whether a value is of a JSON type; an unknown type is none that could be missed."""
    if not isinstance(kind, str) or kind not in _TYPES:
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _finite(digits: str) -> float:
    return value if math.isfinite(value := float(digits)) else _refuse(digits[:_SHOWN])


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
