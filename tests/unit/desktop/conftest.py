"""No test of the desktop client looks into the settings of whoever runs it; a sound card for those that want one."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.desktop.settings import SETTINGS

from .live_stage import Clock, FakeListing
from .sound_card import Machine, plug_in


@pytest.fixture(autouse=True)
def _nobodys_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("clients.desktop.config_file.default_path", lambda: tmp_path / "no-config.toml")
    for variable in ("PARLEY_CONFIG", *(setting.variable for setting in SETTINGS if setting.variable)):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(params=["pyaudio", "sounddevice"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Put a fake where the module would be: each test is run with both."""
    machine = plug_in(monkeypatch, request.param)
    FakeListing.machine, FakeListing.looked = machine, 0
    return machine


@pytest.fixture
def clock() -> Clock:
    """Return time that stands still."""
    return Clock()
