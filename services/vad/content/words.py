"""Interrupting words: which the content model knows, in which languages, and which of them a conversation obeys.

The model hears *units*: words of several languages that sound alike are one ("stop", "stopp"). A profile names
languages and, if it likes, single words; everything else has to become a phrase before it interrupts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from services.common.errors import SettingsFault

LANGUAGES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "en": {
        "stop": ("stop", "stop it", "stop stop", "stop talking"),
        "wait": ("wait", "wait wait", "wait a minute", "wait a second"),
        "hold on": ("hold on", "hang on"),
        "no": ("no", "no no", "no no no"),
        "hey": ("hey", "hey hey", "hey you"),
        "halt": ("halt",),
        "pause": ("pause",),
        "enough": ("enough", "that's enough"),
        "quiet": ("quiet", "be quiet"),
        "cancel": ("cancel",),
        "hush": ("hush", "shush"),
        "shut up": ("shut up",),
        "excuse me": ("excuse me",),
        "never mind": ("never mind",),
        "hello": ("hello",),
        "listen": ("listen",),
        "sorry": ("sorry",),
        "actually": ("actually",),
    },
    "de": {
        "stop": ("stopp",),
        "halt": ("halt",),
        "warte": ("warte", "warte mal"),
        "nein": ("nein", "nein nein"),
        "moment": ("moment",),
        "ruhe": ("ruhe",),
        "genug": ("genug",),
        "hey": ("hey",),
    },
    "fr": {
        "stop": ("stop",),
        "arrête": ("arrête",),
        "attends": ("attends",),
        "non": ("non", "non non"),
        "hey": ("hé",),
    },
    "es": {
        "para": ("para",),
        "espera": ("espera",),
        "no": ("no", "no no"),
        "alto": ("alto",),
        "basta": ("basta",),
        "oye": ("oye",),
    },
    "it": {
        "ferma": ("ferma", "fermati"),
        "aspetta": ("aspetta",),
        "no": ("no",),
        "basta": ("basta",),
        "hey": ("ehi",),
    },
    "pt": {"para": ("pare",), "espera": ("espera",), "não": ("não",), "chega": ("chega",)},
    "nl": {"stop": ("stop",), "wacht": ("wacht",), "nee": ("nee",), "genoeg": ("genoeg",)},
    "zh": {"停": ("停", "停下"), "等等": ("等等", "等一下"), "不": ("不", "不要")},
    "ja": {"stop": ("すとっぷ",), "待って": ("まって",), "やめて": ("やめて",)},
    "ar": {"la": ("la",), "tawaqqaf": ("tawaqqaf",), "ilgha'": ("ilgha'",)},
}
"""Language → unit → how it is said, as the model was trained. Real voices said "stop", "no" and the Arabic words."""

UNITS: Final = tuple(sorted({unit for units in LANGUAGES.values() for unit in units}))

SILENCING: Final = frozenset(
    {"stop", "halt", "pause", "enough", "quiet", "hush", "shut up", "wait", "hold on", "cancel", "warte", "moment"}
    | {"ruhe", "genug", "arrête", "attends", "para", "espera", "alto", "basta", "ferma", "aspetta", "chega", "wacht"}
    | {"genoeg", "停", "等等", "待って", "やめて", "tawaqqaf", "ilgha'"}
)
"""Units that ask for silence: alone they end the reply and are not answered. The rest ask for attention, or object."""


def unit_of(text: str) -> str:
    """Return the unit of a word as a manifest spells it, "" if it is none."""
    plain = text.lower().split(" (")[0].strip()
    for units in LANGUAGES.values():
        for unit, spoken in units.items():
            if plain == unit or plain in spoken:
                return unit
    return "hey" if plain.startswith("hey ") else ""


def obeyed(languages: Iterable[str], words: Iterable[str] | None = None) -> frozenset[str]:
    """Return the units that interrupt: those of the languages, or of these words only.

    Raises `SettingsFault` for a language or a word that the model does not know; an unknown word can be enrolled.
    """
    chosen: set[str] = set()
    for language in languages:
        if language not in LANGUAGES:
            known = ", ".join(LANGUAGES)
            raise SettingsFault(f"interrupting words are known in {known}, not in {language!r}.")
        chosen.update(LANGUAGES[language])
    if words is None:
        return frozenset(chosen)
    units = {word: unit_of(word) for word in words}
    unknown = [word for word, unit in units.items() if not unit]
    if unknown:
        raise SettingsFault(
            f"{', '.join(unknown)}: not among the interrupting words that are known ({', '.join(UNITS)}). "
            "Teach it by recordings: `make enrol` says how."
        )
    return frozenset(units.values())
