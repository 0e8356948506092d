"""Settings: what is set wrong is named, with what it takes."""

from __future__ import annotations

import pytest

from services.common.errors import SettingsFault
from services.common.settings import CommonSettings, Environment


def test_unset_and_empty_give_the_default() -> None:
    """A variable that a compose file passes on empty counts as unset."""
    env = Environment({"EMPTY": ""})
    assert env.text("EMPTY", "default") == env.text("MISSING", "default") == "default"
    assert env.number("EMPTY", 3, 0, 9) == 3
    assert env.address("EMPTY", "127.0.0.1:1") == "127.0.0.1:1"
    assert env.addresses("EMPTY", "127.0.0.1:1,127.0.0.1:2") == ("127.0.0.1:1", "127.0.0.1:2")


@pytest.mark.parametrize("value", ["many", "-1", "10.5", "nan", "inf"])
def test_a_bad_number_names_its_variable_and_bounds(value: str) -> None:
    """Whoever set it reads which variable, what it was, and what it may be."""
    with pytest.raises(SettingsFault, match=r"N='.*' must be a number from 0 to 10 \(default 3\)"):
        Environment({"N": value}).number("N", 3, 0, 10)
    assert Environment({"N": "10"}).number("N", 3, 0, 10) == 10


@pytest.mark.parametrize("value", ["localhost", ":80", "host:", "host:http", "host:-1"])
def test_a_bad_address_names_its_variable(value: str) -> None:
    """An address without host or port is told at the start, not when the first call fails."""
    with pytest.raises(SettingsFault, match=r"A='.*' must be host:port"):
        Environment({"A": value}).address("A", "127.0.0.1:1")


def test_a_list_of_addresses() -> None:
    """Spaces and stray commas don't matter; every part must be an address, and there must be one."""
    env = Environment({"GOOD": " a:1, b:2 ,", "BAD": "a:1,b", "NONE": " , "})
    assert env.addresses("GOOD", "") == ("a:1", "b:2")
    with pytest.raises(SettingsFault, match="BAD='b'"):
        env.addresses("BAD", "c:3")
    with pytest.raises(SettingsFault, match="NONE=' , ' must be host:port"):
        env.addresses("NONE", "c:3")


def test_what_every_stage_reads() -> None:
    """PARLEY_LISTEN and PARLEY_REDIS_URL, with defaults for one machine."""
    assert CommonSettings.read(Environment({}), 7777) == CommonSettings(
        listen="127.0.0.1:7777", redis_url="redis://127.0.0.1:6379/0"
    )
    assert CommonSettings.read(Environment({"PARLEY_LISTEN": "0.0.0.0:0"}), 7777).listen == "0.0.0.0:0"


def test_how_long_history_is_kept() -> None:
    """A day, unless it is said otherwise; nothing at all can be said, too."""
    assert CommonSettings.read(Environment({}), 7777).history_s == 86_400
    assert CommonSettings.read(Environment({"PARLEY_HISTORY_TTL_S": "0"}), 7777).history_s == 0
    assert CommonSettings.read(Environment({"PARLEY_HISTORY_TTL_S": "0.5"}), 7777).history_s == 1
    with pytest.raises(SettingsFault, match="PARLEY_HISTORY_TTL_S='never' must be a number from 0"):
        CommonSettings.read(Environment({"PARLEY_HISTORY_TTL_S": "never"}), 7777)
