"""Interrupting words: which unit a word is, and which a conversation obeys."""

from __future__ import annotations

import pytest

from services.common.errors import SettingsFault
from services.vad.content.words import LANGUAGES, SILENCING, UNITS, obeyed, unit_of


def test_the_lists_agree() -> None:
    """Every unit stands once, in order; what silences is among them; nothing is said in two ways in one language."""
    assert list(UNITS) == sorted(set(UNITS))
    assert set(UNITS) >= SILENCING
    for units in LANGUAGES.values():
        spoken = [way for ways in units.values() for way in ways]
        assert len(spoken) == len(set(spoken))


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("stop", "stop"),
        ("Stopp", "stop"),
        ("hang on", "hold on"),
        ("hey firefox", "hey"),
        ("la (ar: no)", "la"),
        ("basta", "basta"),
        ("computer", ""),
        ("stopping", ""),
        ("", ""),
    ],
)
def test_the_unit_of_a_word(text: str, unit: str) -> None:
    """As manifests and profiles spell it; words that only begin alike are none."""
    assert unit_of(text) == unit


def test_every_way_to_say_a_unit_is_that_unit_in_some_language() -> None:
    """Whoever copies a word out of the list gets what they asked for."""
    for units in LANGUAGES.values():
        for unit, ways in units.items():
            assert unit_of(unit)
            for way in ways:
                assert unit_of(way) in {u for other in LANGUAGES.values() for u, said in other.items() if way in said}


def test_languages_are_obeyed_together_and_words_alone() -> None:
    """A language brings its words; named words stand for themselves; none is none."""
    assert obeyed(["en", "de"]) == set(LANGUAGES["en"]) | set(LANGUAGES["de"])
    assert obeyed(["en"], ["no no", "halt"]) == {"no", "halt"}
    assert obeyed([]) == obeyed(["en"], []) == frozenset()


def test_what_is_unknown_is_told_with_what_is_known() -> None:
    """An unknown word can be taught."""
    with pytest.raises(SettingsFault, match=r"known in en, de, .* not in 'xx'"):
        obeyed(["en", "xx"])
    with pytest.raises(SettingsFault, match=r"^computer, jarvis: not among .*\(.*stop.*\).*make enrol"):
        obeyed(["en"], ["computer", "stop", "jarvis"])
