"""What came of a tool, as a sentence: for a mind that does not understand it."""

from __future__ import annotations

import json
import re

_MOST_FIELDS = 6
_LONGEST = 300


def sentence_of(output: str) -> str:
    """Say it: the fields of a JSON object by name, everything else as it is."""
    try:
        value = json.loads(output)
    except (ValueError, RecursionError):
        value = output
    if isinstance(value, dict) and len(value) == 1 and isinstance(error := value.get("error"), str):
        return f"That did not work: {_shorten(error)}"
    if isinstance(value, dict) and value:
        parts = [f"{_words(str(name))} is {_plain(field)}" for name, field in list(value.items())[:_MOST_FIELDS]]
        return f"Here is what I got: {_shorten(', '.join(parts))}."
    return f"The answer is: {_shorten(_plain(value))}"


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_+", " ", name).lower().strip()


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "nothing"}[value]
    if isinstance(value, list):
        return ", ".join(_plain(entry) for entry in value[:_MOST_FIELDS])
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[:_LONGEST].rsplit(" ", 1)[0] + "…"
