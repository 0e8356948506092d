"""Tool wishes: which of the client's functions a person asks for, as far as words alone tell; nothing is understood.

A function is asked for when all telling words of its name are said, or one of them with another of its description's
first sentence: "roll a die" asks for `roll_dice` ("Roll a die."). Parameters are filled from what stands behind "in",
"for", "to" and the like, from numbers, and from the words of an enumeration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.engine.minds.arithmetic import numbers

_UNTELLING = frozenset(
    re.findall(
        r"\w+",
        "a an and any are as at be by can could current do fetch find for from get give has have i in into is it its "
        "let look make me my new of on one or out please return returns set show some tell that the their them this "
        "to up use user what when where which who will with would you your ",
    )
)
_PREPOSITION = r"in|for|at|to|about|of|from|on|with|called|named|into"
_PHRASE = re.compile(rf"\b({_PREPOSITION})\s+(.+?)(?=\s+(?:{_PREPOSITION}|and|please)\b|$)", re.IGNORECASE)
_COURTESY = re.compile(r"^(the|a|an)\s+|\s+(please|now|today|right now)$", re.IGNORECASE)
# Which preposition fills a parameter whose name tells it.
_ROLES = {"from": "from origin source sender start", "to": "to destination target recipient receiver end goal"}


@dataclass(frozen=True, slots=True)
class Wish:
    """A function to be called. `missing` are the parameters it must have and that nothing was said of."""

    name: str
    arguments: Mapping[str, Any]
    missing: tuple[str, ...] = ()


def wish(spoken: str, tools: Sequence[Mapping[str, Any]], forced: bool = False) -> Wish | None:
    """The function that `spoken` asks for, if it asks for one; with `forced`, whichever fits best, or the first."""
    text = " ".join(re.sub(r"[?!.,;:]+(?=\s|$)", " ", spoken).split())
    said = set(_telling(text))
    scored = [(_score(tool, said), tool) for tool in tools if tool.get("type") == "function"]
    if not scored:
        return None
    best, tool = max(scored, key=lambda pair: pair[0])
    if not best and not forced:
        return None
    return _fill(tool, text, forced)


def _score(tool: Mapping[str, Any], said: set[str]) -> int:
    """How many of its telling words were said; 0 if they are too few to believe."""
    name = set(_telling(str(tool.get("name", ""))))
    about = set(_telling(re.split(r"[.!?\n]", str(tool.get("description") or ""))[0]))
    named, told = len(name & said), len((about | name) & said)
    enough = bool(name) and (named == len(name) or (named >= 1 and told >= 2))
    return named + told if enough else 0


def _telling(text: str) -> Iterator[str]:
    """The words that tell something, in one form for singular and plural; of a name too, as `getWeather`."""
    for word in re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)):
        word = word.lower()
        if word not in _UNTELLING:
            yield word.removesuffix("s") if len(word) > 3 else word


def _fill(tool: Mapping[str, Any], text: str, forced: bool) -> Wish:
    parameters = tool.get("parameters")
    fields = parameters if isinstance(parameters, Mapping) else {}
    properties, required = fields.get("properties"), fields.get("required")
    phrases = [(match[1].lower(), _COURTESY.sub("", match[2])) for match in _PHRASE.finditer(text)]
    values = [*numbers(text.lower())]
    arguments: dict[str, Any] = {}
    for name, schema in (properties if isinstance(properties, Mapping) else {}).items():
        kind = schema.get("type") if isinstance(schema, Mapping) else None
        choices = schema.get("enum") if isinstance(schema, Mapping) else None
        if isinstance(choices, list):
            chosen = [choice for choice in choices if re.search(rf"\b{re.escape(str(choice))}\b", text, re.IGNORECASE)]
            arguments |= {name: chosen[0]} if chosen else {}
        elif kind in ("integer", "number") and values:
            arguments[name] = values.pop(0)
        elif kind == "string" and phrases:
            arguments[name] = phrases.pop(_place(name, phrases))[1]
    needed = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    missing = tuple(name for name in needed if name not in arguments)
    if forced:
        arguments |= dict.fromkeys(missing, text)
        missing = ()
    return Wish(str(tool.get("name", "")), arguments, missing)


def _place(parameter: str, phrases: Sequence[tuple[str, str]]) -> int:
    """Which phrase fills it: the one with its preposition, else the first."""
    words = set(_telling(parameter)) | {parameter.lower()}
    for index, (preposition, _) in enumerate(phrases):
        if words & set(_ROLES.get(preposition, "").split()):
            return index
    return 0
