"""Whether anybody is asked: never by chance where others than this machine can call."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.common.errors import SettingsFault
from services.common.settings import Environment
from services.ingress.locks.settings import LockSettings, is_loopback


def read(*doors: str, **env: str) -> LockSettings:
    """Read with these doors."""
    return LockSettings.read(Environment({f"PARLEY_{k}": v for k, v in env.items()}), [("DOOR", d) for d in doors])


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("127.0.0.1:7700", True),
        ("127.9.9.9:1", True),
        ("[::1]:7700", True),
        ("localhost:7700", True),
        ("0.0.0.0:7700", False),
        ("[::]:7700", False),
        ("10.99.0.5:7700", False),
        ("localhost.example:7700", False),
    ],
)
def test_the_loopback_is_known(address: str, here: bool) -> None:
    """A name that may be anywhere is taken for far away."""
    assert is_loopback(address) == here


def test_without_keys_the_loopback_is_open_and_nothing_else() -> None:
    """The error names the door, and what to do."""
    assert read("127.0.0.1:1", "[::1]:2").keys is None
    with pytest.raises(SettingsFault, match=r"DOOR=0\.0\.0\.0:2.*make token ARGS=--new-key.*PARLEY_AUTH=off"):
        read("127.0.0.1:1", "0.0.0.0:2")
    with pytest.raises(SettingsFault, match="PARLEY_AUTH=on, and"):
        read("127.0.0.1:1", AUTH="on")


def test_open_to_others_is_said_aloud() -> None:
    """PARLEY_AUTH=off outweighs keys, and is known for what it is."""
    assert read("0.0.0.0:1", AUTH="off", TOKEN_KEYS="k") == LockSettings(is_open_to_others=True)
    assert read("127.0.0.1:1", AUTH="off") == LockSettings()
    with pytest.raises(SettingsFault, match="must be on or off"):
        read("127.0.0.1:1", AUTH="yes")


def test_with_keys_everybody_is_asked() -> None:
    """On the loopback, too; what is revoked stands beside them unless it is said where."""
    assert read("127.0.0.1:1", TOKEN_KEYS="/k") == LockSettings(Path("/k"), Path("/k.revoked"))
    assert read("0.0.0.0:1", TOKEN_KEYS="/k", TOKENS_REVOKED="/r", TOKEN_AUDIENCE="us") == LockSettings(
        Path("/k"), Path("/r"), "us"
    )
