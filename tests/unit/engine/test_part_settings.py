"""The choice of parts: what the variables mean, and what is said of those that are wrong."""

from pathlib import Path

import pytest

from services.engine.hosts import is_private
from services.engine.part_settings import PartSettings, SettingsError
from services.engine.settings import Settings

LLM = {
    "PARLEY_ENGINE_LLM": "openai",
    "PARLEY_ENGINE_LLM_URL": "http://127.0.0.1:11434/v1/",
    "PARLEY_ENGINE_LLM_MODEL": "llama3.2",
}


def test_without_settings_everything_is_embedded() -> None:
    """The engine needs no server and no key."""
    assert PartSettings.read({}).summary == "listens: embedded; thinks: embedded; speaks: embedded"
    assert Settings.read({}).parts == PartSettings()


@pytest.mark.parametrize("key", ["schlüssel", "two words", "line\n", "\x00"])
def test_a_key_that_no_header_can_show_is_refused(key: str) -> None:
    """Nobody could get in with it; the error names the variable, not the key."""
    with pytest.raises(SettingsError, match="PARLEY_ENGINE_KEY must be printable ASCII") as fault:
        Settings.read({"PARLEY_ENGINE_KEY": key}).check()
    assert key not in str(fault.value)
    Settings.read({"PARLEY_ENGINE_KEY": "s3cret-~!"}).check()


def test_the_key_may_stand_in_a_file(tmp_path: Path) -> None:
    """As a Secret is mounted, with a line's end; a file that is not there is a fault that names the variable."""
    (tmp_path / "key").write_text("s3cret\n")
    assert Settings.read({"PARLEY_ENGINE_KEY_FILE": str(tmp_path / "key")}).key == "s3cret"
    with pytest.raises(SettingsError, match="PARLEY_ENGINE_KEY_FILE"):
        Settings.read({"PARLEY_ENGINE_KEY_FILE": str(tmp_path / "gone")})


@pytest.mark.parametrize("many", ["0", "-1", "many", "1e9"])
def test_how_many_sessions_is_a_number(many: str) -> None:
    """From 1 on."""
    with pytest.raises(SettingsError, match="_SESSIONS"):
        Settings.read({"PARLEY_ENGINE_SESSIONS": many}).check()


def test_all_is_read(tmp_path: Path) -> None:
    """Each variable arrives where it belongs; a key may come from a file, and is never in the log."""
    key = tmp_path / "key"
    key.write_text("sk-secret\n")
    values = LLM | {
        "PARLEY_ENGINE_LLM_KEY_FILE": str(key),
        "PARLEY_ENGINE_LLM_EXTRA": '{"temperature": 0.5}',
        "PARLEY_ENGINE_LLM_PREAMBLE": "none",
        "PARLEY_ENGINE_LLM_PATIENCE_S": "60",
        "PARLEY_ENGINE_STT": "whisper",
        "PARLEY_ENGINE_STT_LANGUAGE": "de",
        "PARLEY_ENGINE_TTS": "openai",
        "PARLEY_ENGINE_TTS_URL": "http://speaches:8000/v1",
        "PARLEY_ENGINE_TTS_VOICE": "af_heart",
    }
    settings = PartSettings.read(values)
    assert settings.chat is not None
    assert (settings.chat.url, settings.chat.key, settings.chat.patience_s) == (
        "http://127.0.0.1:11434/v1",
        "sk-secret",
        60,
    )
    assert (settings.extra, settings.preamble) == ({"temperature": 0.5}, "")
    assert settings.whisper is not None
    assert (settings.whisper.model, settings.whisper.language) == ("base", "de")
    assert settings.speech_manner.voice == "af_heart"
    assert "secret" not in settings.summary


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"PARLEY_ENGINE_STT": "google"}, "PARLEY_ENGINE_STT='google' must be embedded, openai or whisper"),
        ({"PARLEY_ENGINE_LLM": "openai"}, "PARLEY_ENGINE_LLM_MODEL"),
        (LLM | {"PARLEY_ENGINE_LLM_URL": ""}, "Ollama on this machine"),
        (LLM | {"PARLEY_ENGINE_LLM_URL": "localhost:11434"}, "must begin with http"),
        (LLM | {"PARLEY_ENGINE_LLM_URL": "http://[::1"}, "is no URL"),
        (LLM | {"PARLEY_ENGINE_LLM_URL": "https://u:p@a.example/v1"}, "PARLEY_ENGINE_LLM_KEY"),
        (LLM | {"PARLEY_ENGINE_LLM_URL": "https://a.example/v1?x=1"}, "no \\? or #"),
        (LLM | {"PARLEY_ENGINE_LLM_URL": "http://a.example/v1"}, "PARLEY_ENGINE_ALLOW_PLAIN_HTTP=on"),
        (LLM | {"PARLEY_ENGINE_LLM_KEY": "two words"}, "really the key"),
        (LLM | {"PARLEY_ENGINE_LLM_KEY_FILE": "/nowhere"}, "can't be read"),
        (LLM | {"PARLEY_ENGINE_LLM_PATIENCE_S": "soon"}, "from 1 to 600"),
        ({"PARLEY_ENGINE_LLM_EXTRA": "[]"}, "JSON object"),
        ({"PARLEY_ENGINE_LLM_EXTRA": "{"}, "JSON object"),
        ({"PARLEY_ENGINE_STT_LANGUAGE": "German"}, "ISO 639"),
        ({"PARLEY_ENGINE_STT_STREAM": "yes"}, "on or off"),
        ({"PARLEY_ENGINE_TTS": "piper"}, "PARLEY_ENGINE_TTS_MODEL"),
        (
            {"PARLEY_ENGINE_TTS": "piper", "PARLEY_ENGINE_TTS_MODEL": "a.onnx", "PARLEY_ENGINE_TTS_VOICE": "x"},
            "number of a speaker",
        ),
        ({"PARLEY_ENGINE_TTS_RATE_HZ": "10"}, "8000"),
        ({"PARLEY_ENGINE_PORT": "http"}, "must be numbers"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, str], words: str) -> None:
    """The error says which variable and what it takes."""
    with pytest.raises(SettingsError, match=words):
        Settings.read(values)


def test_plain_http_can_be_allowed() -> None:
    """Who knows the way to be safe may say so."""
    values = LLM | {"PARLEY_ENGINE_LLM_URL": "http://a.example/v1", "PARLEY_ENGINE_ALLOW_PLAIN_HTTP": "on"}
    assert PartSettings.read(values).chat is not None


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("::1", True),
        ("ollama", True),
        ("mac.local", True),
        ("host.docker.internal", True),
        ("8.8.8.8", False),
        ("api.openai.com", False),
        ("0.0.0.0", False),
    ],
)
def test_what_is_near(host: str, near: bool) -> None:
    """A machine itself, its network and its containers are; the rest of the world is not."""
    assert is_private(host) is near
