"""Addresses: in which order a server's are asked, how they are given, and what a connection to one of them is."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.broker.addresses import AVOIDED_S, Addresses
from services.broker.model_settings import CONNECT_S, SHORT_CONNECT_S, ModelSettings
from services.broker.servers.profile import Servers
from services.common.errors import SettingsFault
from services.common.settings import Environment


def test_they_are_asked_as_given_and_the_lost_last() -> None:
    """For a while; of several the one that was lost most lately is the very last."""
    now = 100.0
    addresses = Addresses(lambda: now)
    urls = ["a", "b", "c"]
    assert addresses.ordered(urls) == urls
    addresses.lose("a")
    assert addresses.ordered(urls) == ["b", "c", "a"]
    now += 1
    addresses.lose("b")
    assert addresses.ordered(urls) == ["c", "a", "b"]
    now += AVOIDED_S - 0.5
    assert addresses.ordered(urls) == ["a", "c", "b"]
    now += 1
    assert addresses.ordered(urls) == urls


def test_the_environment_names_several() -> None:
    """With commas between them; each is completed as one alone would be."""
    settings = ModelSettings.read(
        Environment({"PARLEY_MODEL_URL": "ws://127.0.0.1:1/v1, ws://127.0.0.1:2/v1/realtime"})
    )
    assert settings.server.addresses == ("ws://127.0.0.1:1/v1/realtime", "ws://127.0.0.1:2/v1/realtime")
    engine = ModelSettings.read(
        Environment({"PARLEY_MODEL_URL": "ws://127.0.0.1:1,ws://127.0.0.1:2", "PARLEY_MODEL_SERVER": "engine"})
    )
    assert engine.server.addresses == ("ws://127.0.0.1:1/realtime", "ws://127.0.0.1:2/realtime")
    assert engine.server.freeze_s == 2


@pytest.mark.parametrize("given", ["base_url: ws://h1/v1, ws://h2/v1", "base_url: [ws://h1/v1, ws://h2/v1]"])
def test_a_profile_names_several(tmp_path: Path, given: str) -> None:
    """As a text or as a list; the query is every address's."""
    (tmp_path / "mine.yaml").write_text(f"{given}\nquery: {{version: '2'}}\nfreeze_s: 3\n")
    server = Servers(Environment({"PARLEY_SERVERS": str(tmp_path)})).find("mine")
    assert server.addresses == ("ws://h1/v1/realtime?version=2", "ws://h2/v1/realtime?version=2")
    assert server.freeze_s == 3


def test_one_that_is_none_is_named_and_no_secret_shown() -> None:
    """Whichever of them it is."""
    given = "wss://a/v1,https://user:secret@b/v1?key=secret"
    with pytest.raises(SettingsFault) as fault:
        ModelSettings.read(Environment({"PARLEY_MODEL_URL": given}))
    assert "must be like ws" in fault.value.message
    assert "secret" not in fault.value.message


def test_one_among_others_is_waited_for_less_long() -> None:
    """A caller waits for all of them; one that is alone has all the time."""
    settings = ModelSettings.read(Environment({"PARLEY_MODEL_URL": "ws://127.0.0.1:1,ws://127.0.0.1:2"}))
    at = settings.at_address(settings.server.others[0])
    assert (at.url, at.server.others, at.connect_s) == ("ws://127.0.0.1:2/realtime", (), CONNECT_S / 2)
    many = ModelSettings.read(Environment({"PARLEY_MODEL_URL": ",".join(f"ws://127.0.0.1:{n}" for n in range(1, 9))}))
    assert many.at_address(many.url).connect_s == SHORT_CONNECT_S
