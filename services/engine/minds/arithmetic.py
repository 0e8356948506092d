"""Numbers as people say them, and the sums one can do with them."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_VALUES = {word: value for value, word in enumerate(_SMALL)}
_VALUES |= {word: 10 * value for value, word in enumerate(_TENS, start=2)}
_OPERATIONS = {
    "plus": "plus",
    "and": "plus",
    "minus": "minus",
    "less": "minus",
    "times": "times",
    "multiplied by": "times",
    "divided by": "divided by",
    "+": "plus",
    "-": "minus",
    "*": "times",
    "/": "divided by",
}
_NUMBER = r"(?:\d+|a hundred|" + "|".join([*_VALUES, "hundred"]) + r")(?:[ -](?:hundred|" + "|".join(_VALUES) + "))*"
_SUM = re.compile(
    rf"\b(?P<left>{_NUMBER})\s*(?P<operation>plus|and|minus|less|times|multiplied by|divided by|[-+*/])"
    rf"\s*(?P<right>{_NUMBER})\b"
)


def number(words: str) -> int | None:
    """The value of "forty two", "a hundred" or "17"; None if it is no number under a thousand."""
    if words.isdigit():
        return int(words) if len(words) <= 6 else None
    total = 0
    for word in re.split(r"[ -]", words.removeprefix("a ")):
        if word == "hundred":
            total = (total or 1) * 100
        elif word in _VALUES:
            total += _VALUES[word]
        else:
            return None
    return total


def numbers(text: str) -> list[int]:
    """The numbers in a sentence, in order."""
    found: Iterable[int | None] = (number(match) for match in re.findall(rf"\b{_NUMBER}\b", text))
    return [value for value in found if value is not None]


def solve(text: str) -> str | None:
    """The answer to a sum in lower-case text, such as "2 plus 3 is 5"; None if there is none."""
    match = _SUM.search(text)
    if match is None:
        return None
    left, right = number(match["left"]), number(match["right"])
    if left is None or right is None:
        return None
    operation = _OPERATIONS[match["operation"]]
    return f"{left} {operation} {right} {_result(left, operation, right)}"


def _result(left: int, operation: str, right: int) -> str:
    if operation == "divided by":
        if right == 0:
            return "is something nobody knows"
        whole, rest = divmod(left, right)
        return f"is {whole}" if not rest else f"is {whole}, and {rest} is left over"
    value = {"plus": left + right, "minus": left - right, "times": left * right}[operation]
    return f"is {value}" if value >= 0 else f"is minus {-value}"
