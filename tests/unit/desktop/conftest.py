"""No test of the desktop client looks into the settings of whoever runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.desktop.settings import SETTINGS


@pytest.fixture(autouse=True)
def _nobodys_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("clients.desktop.config_file.default_path", lambda: tmp_path / "no-config.toml")
    for variable in ("PARLEY_CONFIG", *(setting.variable for setting in SETTINGS if setting.variable)):
        monkeypatch.delenv(variable, raising=False)
