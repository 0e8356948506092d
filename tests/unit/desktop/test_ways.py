"""Which way the client talks, and what it tells without talking."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from clients.desktop import __main__ as program
from clients.desktop.failures import EXIT_OK, EXIT_USAGE, UsageError
from clients.desktop.options import parse
from clients.desktop.sound_card.devices import SoundDevice

CARD = [
    SoundDevice(0, "Laptop", "ALSA", 2, 2, 48_000, True, True),
    SoundDevice(3, "Headset", "ALSA", 0, 2, 48_000),
]


@pytest.mark.parametrize(
    ("arguments", "is_terminal", "term", "way"),
    [
        ([], True, "xterm", program.on_screen),
        ([], True, "dumb", program.live),
        ([], False, "xterm", program.live),
        (["--plain"], True, "xterm", program.live),
        (["--say", "a.wav"], True, "xterm", program.headless),
    ],
)
def test_a_screen_only_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], is_terminal: bool, term: str, way: object
) -> None:
    """Lines where output is no terminal, or is wanted so; files need neither."""
    stream = SimpleNamespace(isatty=lambda: is_terminal)
    monkeypatch.setattr(sys, "stdin", stream)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", term)
    assert program._way(parse(arguments)) is way


def test_devices_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A line each: its number, its name, what it can do; no server is called."""
    closed: list[bool] = []
    card = SimpleNamespace(devices=lambda: CARD, close=lambda: closed.append(True))
    monkeypatch.setattr(program, "open_card", lambda backend: card)
    assert program.main(["--devices"]) == EXIT_OK
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "  0  Laptop (microphone, speaker, the default input and output)",
        "  3  Headset (speaker)",
    ]
    assert closed == [True]


def test_without_a_sound_library_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the code is that of a machine that lacks something."""

    def missing(backend: str) -> None:
        raise UsageError("Install this.")

    monkeypatch.setattr(program, "open_card", missing)
    assert program.main(["--devices"]) == EXIT_USAGE
    assert capsys.readouterr().err == "Install this.\n"
