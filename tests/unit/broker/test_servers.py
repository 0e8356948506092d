"""Servers: how each is reached, and what a profile may say of it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from services.broker.money import Prices
from services.broker.servers.profile import SHIPPED, Servers
from services.broker.servers.server import Auth, Dialect, Server, reachable
from services.broker.upstream.capabilities import Billing, Capabilities
from services.common.errors import SettingsFault
from services.common.settings import Environment

SECRETS = {"OPENAI_API_KEY": "sk-1", "AZURE_OPENAI_API_KEY": "az-1", "AZURE_OPENAI_RESOURCE": "contoso"}


def find(name: str, folder: Path | str = "", **env: str) -> Server:
    """Find a server's profile."""
    return Servers(Environment({**env, "PARLEY_SERVERS": str(folder)})).find(name)


def written(folder: Path, text: str, **env: str) -> Server:
    """Write a profile of one's own, and read it."""
    (folder / "mine.yaml").write_text(text, encoding="utf-8")
    return find("mine", folder, **env)


def fault(url: str, *, has_key: bool = False) -> str:
    """Return what is wrong with a URL."""
    with pytest.raises(SettingsFault) as error:
        reachable(url, SettingsFault, has_key=has_key)
    return error.value.message


def test_the_shipped_ones_can_be_had() -> None:
    """Each with what its file says; only those that need one have a key."""
    names = [file.stem for file in SHIPPED.glob("*.yaml")]
    assert sorted(names) == ["azure", "engine", "localai", "openai", "speaches", "speech-to-speech"]
    made = {name: find(name, "", **SECRETS) for name in names}
    assert {name: server.place for name, server in made.items()} == {
        "openai": "wss://api.openai.com/v1/realtime",
        "azure": "wss://contoso.openai.azure.com/openai/v1/realtime",
        "engine": "ws://127.0.0.1:8765/v1/realtime",
        "localai": "ws://127.0.0.1:8080/v1/realtime",
        "speaches": "ws://127.0.0.1:8000/v1/realtime",
        "speech-to-speech": "ws://127.0.0.1:8765/v1/realtime",
    }
    assert made["openai"].call_headers() == {"Authorization": "Bearer sk-1"}
    assert made["azure"].call_headers() == {"api-key": "az-1"}
    assert made["engine"].call_headers() == made["speech-to-speech"].call_headers() == {}
    assert not made["azure"].capabilities.semantic_vad
    assert made["localai"].capabilities.commit_responds
    assert not made["speech-to-speech"].capabilities.manual_turns
    assert made["speaches"].dialect is Dialect.BETA
    assert (made["engine"].capabilities.aligned, made["engine"].capabilities.billing) == (True, Billing.NOTHING)
    assert made["openai"].capabilities == Capabilities(takes_mcp=True)


def test_a_servers_secret_is_asked_for_when_it_is_chosen() -> None:
    """And only then; the message names the variable."""
    with pytest.raises(SettingsFault, match=r"openai\.yaml:\d+: key_env names OPENAI_API_KEY, which is not set"):
        find("openai")
    with pytest.raises(SettingsFault, match=r"azure\.yaml:\d+: base_url names \$\{AZURE_OPENAI_RESOURCE\}, which is"):
        find("azure", AZURE_OPENAI_API_KEY="k")
    assert find("localai", LOCALAI_API_KEY="k").call_headers() == {"Authorization": "Bearer k"}


def test_ones_own_add_to_the_shipped_ones_and_take_their_place(tmp_path: Path) -> None:
    """By name; files of other kinds don't matter."""
    (tmp_path / "engine.yaml").write_text("base_url: wss://elsewhere.example/v1\nauth: none\n")
    (tmp_path / "notes.txt").write_text("[[[")
    assert find("engine", tmp_path).place == "wss://elsewhere.example/v1/realtime"
    assert "mine" not in Servers(Environment({})).names()
    written(tmp_path, "base_url: ws://127.0.0.1/")
    assert "mine" in Servers(Environment({"PARLEY_SERVERS": str(tmp_path)})).names()
    with pytest.raises(SettingsFault, match=r"PARLEY_SERVERS='.*gone' must be a folder: No such file"):
        Servers(Environment({"PARLEY_SERVERS": str(tmp_path / "gone")}))
    with pytest.raises(SettingsFault, match="there is no server 'x'; there are: azure, engine,"):
        find("x")


def test_every_key_is_obeyed(tmp_path: Path) -> None:
    """From the address to the prices."""
    server = written(
        tmp_path,
        """
base_url: wss://${TENANT}.example/rt?flag=
query: {api-version: '2026-04-10', flag: mine, tenant: '${TENANT}'}
model_in_query: deployment
auth: query
auth_name: token
key_env: KEY
headers: {X-Team: '${TENANT}'}
subprotocols: [realtime]
dialect: beta
input_hz: 16000
output_hz: 48000
billing: seconds
max_session_s: 900
model: m
voice: v
transcription_model: off
captions_model: c
capabilities: {can_truncate: false, aligned: true}
prices:
  m: {audio_in: 32, text_in: 4.5, connected_minute: 0.05, currency: EUR}
  t: {transcribed_minute: 0.006}
""",
        TENANT="acme",
        KEY="s&cret",
    )
    assert server.dialled(deployment="m") == (
        "wss://acme.example/rt?flag=&api-version=2026-04-10&tenant=acme&deployment=m&token=s%26cret"
    )
    assert server.place == "wss://acme.example/rt"
    assert server.call_headers() == {"X-Team": "acme"}
    assert "cret" not in repr(server)
    assert (server.subprotocols, server.dialect, server.model_parameter) == (("realtime",), Dialect.BETA, "deployment")
    assert server.capabilities == Capabilities(
        can_truncate=False,
        aligned=True,
        input_hz=16_000,
        output_hz=48_000,
        billing=Billing.SECONDS,
        max_session_s=900,
    )
    assert (server.model, server.voice, server.transcription_model, server.captions_model) == ("m", "v", "", "c")
    priced = Prices(audio_in=32, text_in=4.5, connected_minute=0.05, transcribed_minute=0.006, currency="EUR")
    assert server.prices_of("m", "t") == priced
    assert server.prices_of("m-2026-11-01", "").audio_in == 32
    assert not server.prices_of("m-mini", "x").are_known


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("auth: none", r"mine\.yaml: base_url is missing"),
        ("base_url: https://x.example/", r"mine\.yaml:1: base_url must be like"),
        ("base_url: ws://x.example/\nkey_env: KEY", r"mine\.yaml:1: base_url would send the key unencrypted"),
        ("base_url: ws://h/\nkey: sk-1", r"mine\.yaml:2: key would stand open in a file: .* key_env or key_file"),
        (
            "base_url: ws://h/\nauth: token",
            r'mine\.yaml:2: auth must be "bearer", "api-key", "basic", "query" or "none"',
        ),
        (
            "base_url: ws://h/\ncapabilities:\n  fly: true",
            r"mine\.yaml:3: fly in capabilities is unknown; there are: has_",
        ),
        ("base_url: ws://h/\ncapabilities:\n  can_cancel: no", r"mine\.yaml:3: can_cancel in .* must be true or false"),
        ("base_url: ws://h/\nprices:\n  m: {audio_in: -1}", r"mine\.yaml:3: audio_in in prices\.m must be a number"),
        ("base_url: ws://h/\nheaders: {'X Y': a}", r"mine\.yaml:2: headers holds 'X Y', which is no name"),
        (
            'base_url: ws://h/\nheaders:\n  X: "a\\nb"',
            r"mine\.yaml:3: X in headers holds characters that cannot be sent",
        ),
        ("base_url: ws://h/\nquery: {v: '${GONE}'}", r"mine\.yaml:2: v in query names \$\{GONE\}, which is not set"),
        ("base_url: ws://h/\ninput_hz: 44.1", r"mine\.yaml:2: input_hz must be a whole number from 8000 to 48000"),
        ("base_url: ws://h/\nspeed: 1", r"mine\.yaml:2: speed is unknown; there are: .*base_url"),
    ],
)
def test_what_is_wrong_in_a_profile_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    """File, line, key, and what there should be."""
    with pytest.raises(SettingsFault, match=told):
        written(tmp_path, text, KEY="k")


@pytest.mark.parametrize(
    ("url", "dialled"),
    [
        ("wss://h", "wss://h/realtime"),
        ("wss://h/v1", "wss://h/v1/realtime"),
        ("wss://h/openai/v1/?a=b", "wss://h/openai/v1/realtime?a=b"),
        ("wss://h/", "wss://h/"),
        ("wss://h/v1/realtime", "wss://h/v1/realtime"),
        ("wss://h/voice-live/realtime?api-version=1", "wss://h/voice-live/realtime?api-version=1"),
        ("wss://h/v10", "wss://h/v10"),
    ],
)
def test_an_address_is_used_as_it_is(url: str, dialled: str) -> None:
    """But for one that ends where the path to Realtime begins."""
    assert reachable(url, SettingsFault, has_key=True) == dialled


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "10.1.2.3", "192.168.0.9", "[fd00::1]", "engine", "llm.parley.svc", "a.local"],
)
def test_a_key_may_travel_unencrypted_where_nobody_else_is(host: str) -> None:
    """Within this machine, a private network, the name of a neighbour."""
    assert reachable(f"ws://{host}:1/x", SettingsFault, has_key=True)


@pytest.mark.parametrize("host", ["models.example", "8.8.8.8", "[2001:4860::1]", "10.evil.example"])
def test_a_key_never_travels_unencrypted_through_the_world(host: str) -> None:
    """Without one anything may be dialled."""
    assert "use wss://" in fault(f"ws://{host}/x", has_key=True)
    assert reachable(f"ws://{host}/x", SettingsFault, has_key=False)


@pytest.mark.parametrize(
    "url", ["", "h", "http://h/", "ws://", "ws://h:0/", "ws://h:x/", "ws://[::1/", "ws://h/#f", "ws://h/\n"]
)
def test_an_address_by_which_nothing_is_reached_is_refused(url: str) -> None:
    """With what one looks like."""
    assert "must be like" in fault(url)


def test_the_key_is_shown_as_the_server_wants_it() -> None:
    """By a header of ours or its own, encoded where it is user and password; or not at all."""
    server = {auth: Server("wss://h/", key="a:b", auth=auth) for auth in Auth}
    assert server[Auth.BEARER].call_headers() == {"Authorization": "Bearer a:b"}
    assert server[Auth.API_KEY].call_headers() == {"api-key": "a:b"}
    assert server[Auth.BASIC].call_headers() == {"Authorization": f"Basic {base64.b64encode(b'a:b').decode()}"}
    assert Server("wss://h/", key="YTpi", auth=Auth.BASIC).call_headers() == {"Authorization": "Basic YTpi"}
    assert server[Auth.QUERY].call_headers() == server[Auth.NONE].call_headers() == {}
    assert server[Auth.QUERY].dialled() == "wss://h/?api_key=a%3Ab"
    assert server[Auth.NONE].dialled() == "wss://h/"


@pytest.mark.parametrize("query", ["a=1&a=2", "x=a+b", "flag", "path=%2Fx"])
def test_a_query_is_kept_to_the_letter(query: str) -> None:
    """What stands in the address is somebody else's affair: the model is added behind it."""
    assert Server(f"wss://h/p?{query}").dialled(model="m/1") == f"wss://h/p?{query}&model=m%2F1"
    assert Server(f"wss://h/p?{query}&model=own").dialled(model="m") == f"wss://h/p?{query}&model=own"
