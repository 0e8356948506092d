"""No test looks into the settings of whoever runs it: a fixture for the `conftest.py` of those that run the desktop."""

from __future__ import annotations

import pytest

from clients.desktop.settings import SETTINGS


@pytest.fixture(autouse=True)
def nobodys_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Take away the variables and the config file; from programs that the test starts, too."""
    home = tmp_path_factory.mktemp("nobody")  # not in the test's own folder, which may have to stay empty
    monkeypatch.setattr("clients.desktop.config_file.default_path", lambda: home / "no-config.toml")
    for variable in ("XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(variable, str(home))
    for variable in ("PARLEY_CONFIG", *(setting.variable for setting in SETTINGS if setting.variable)):
        monkeypatch.delenv(variable, raising=False)
