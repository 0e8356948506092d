"""Arguments: what a model may call a tool with, and what it is told when it may not."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.broker.tools.arguments import BadArguments, check, parse

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "unit": {"type": "string", "enum": ["c", "f"]},
        "note": {"type": ["string", "null"]},
        "when": {"format": "date"},
    },
    "required": ["city"],
}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not valid JSON"),
        ("[1]", r"must be a JSON object, such as {}, not \[1\]"),
        ('"x"', "must be a JSON object"),
        ('{"a": NaN}', "NaN is no JSON"),
        ('{"a": 1e999}', "1e999 is no JSON"),
        ("[" * 60_000, "not valid JSON"),
        ("9" * 5_000, "not valid JSON"),
        ('{"a": "' + "x" * 70_000 + '"}', "they may have 65536"),
    ],
)
def test_what_is_no_object_is_explained(text: str, told: str) -> None:
    """The model learns what it wrote and what to write; nothing it writes breaks the parser."""
    with pytest.raises(BadArguments, match=told):
        parse(text)


def test_no_arguments_are_an_empty_object() -> None:
    """Some models write nothing for a tool without parameters."""
    assert parse("") == parse("{}") == {}


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Nothing else is raised."""
    with suppress(BadArguments):
        assert isinstance(parse(text), dict)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "city must be given"),
        ({"city": 7}, "city must be of type string, not 7"),
        ({"city": "Rome", "days": 1.5}, "days must be of type integer, not 1.5"),
        ({"city": "Rome", "days": True}, "days must be of type integer, not true"),
        ({"city": "Rome", "unit": "k"}, r'unit must be one of \["c", "f"\], not "k"'),
        ({"city": "Rome", "country": "it"}, "no parameter 'country'; there are: city, days, unit, note, when"),
        ({"city": ["x" * 500]}, "…"),
    ],
)
def test_arguments_that_do_not_fit_are_explained(arguments: dict[str, Any], told: str) -> None:
    """By the name of the parameter, what was given, and what it takes."""
    with pytest.raises(BadArguments, match=told):
        check(arguments, SCHEMA)


def test_arguments_that_fit_pass() -> None:
    """Whole floats are integers, a list of types is any of them, and what the schema doesn't say is free."""
    check({"city": "Rome", "days": 2.0, "unit": "c", "note": None, "when": 3}, SCHEMA)
    check({"city": "Rome", "anything": 1}, {**SCHEMA, "additionalProperties": True})
    check({}, {"type": "object"})
