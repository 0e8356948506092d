"""No test of the desktop client looks into the settings of whoever runs it; a sound card for those that want one."""

from __future__ import annotations

import pytest

from tests.fakes.nobodys_settings import nobodys_settings

from .live_stage import Clock, FakeListing
from .sound_card import Machine, plug_in

__all__ = ["nobodys_settings"]


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
