"""A flag goes before the environment, that before the config file; what is wrong there is one line."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from clients.desktop.config_file import default_path
from clients.desktop.failures import EXIT_USAGE
from clients.desktop.options import parse


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config file that the environment names."""
    path = tmp_path / "desktop.toml"
    path.write_text("")
    monkeypatch.setenv("PARLEY_CONFIG", str(path))
    return path


def test_flag_then_environment_then_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each outweighs the next, setting by setting."""
    file.write_text('server = "file:1"\ninput = "headset"\nplain = true\nwait_s = 5\ntls = true\n')
    options = parse([])
    assert (options.server, options.input, options.plain, options.wait_s) == ("grpcs://file:1", "headset", True, 5.0)
    monkeypatch.setenv("PARLEY_SERVER", "there:2")
    monkeypatch.setenv("PARLEY_PLAIN", "no")
    options = parse([])
    assert (options.server, options.input, options.plain) == ("grpcs://there:2", "headset", False)
    assert parse(["--server", "flag:3", "--input", ""]).server == "grpcs://flag:3"
    assert parse(["--input", "2"]).input == "2"


def test_another_file_by_a_flag(file: Path, tmp_path: Path) -> None:
    """--config goes before PARLEY_CONFIG."""
    (tmp_path / "other.toml").write_text('agent = "tutor"')
    assert parse(["--config", str(tmp_path / "other.toml")]).agent == "tutor"
    assert parse([]).agent == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("server = ", "is not TOML"),
        ('sever = "a:1"', "there is no setting 'sever'. There are server, tls, "),
        ('server = "here"', "server: 'here' is not HOST:PORT"),
        ('server = ["a:1", "b:2"]', "server is one value"),
        ('echo = "maybe"', "echo: 'maybe' is none of auto, device"),
        ("plain = 3", "plain: '3' is neither true nor false"),
        ('token = "@/no/such/file"', "token: @/no/such/file can't be read"),
        ("[server]\nhost = 1", "server is one value"),
    ],
)
def test_a_bad_file_is_one_line(file: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It names the file and what is wrong."""
    file.write_text(text)
    with pytest.raises(SystemExit) as ended:
        parse([])
    err = capsys.readouterr().err
    assert (ended.value.code, err.count("\n")) == (EXIT_USAGE, 1)
    assert err.startswith(str(file))
    assert said in err


def test_a_file_that_was_named_has_to_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The default one need not."""
    with pytest.raises(SystemExit):
        parse(["--config", str(tmp_path / "nowhere.toml")])
    assert (
        capsys.readouterr().err
        == f"There is no config file {tmp_path / 'nowhere.toml'}: check --config and PARLEY_CONFIG.\n"
    )


def test_what_is_no_text_is_one_line(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A config file or a token's file of other bytes: no traceback, and what to do."""
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    file.write_text(f'token = "@{tmp_path / "token"}"')
    with pytest.raises(SystemExit):
        parse([])
    assert capsys.readouterr().err.endswith("holds no text: a token is one word.\n")
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SystemExit):
        parse([])
    assert capsys.readouterr().err == f"{file} is not TOML, for it is not UTF-8: write it anew.\n"


def test_each_system_keeps_its_files_in_its_own_place() -> None:
    """As their users expect it, whatever this machine is."""
    home = Path("/home/me")
    assert default_path("linux", {}, home) == home / ".config/parley/desktop.toml"
    assert default_path("linux", {"XDG_CONFIG_HOME": "/etc/me"}, home) == Path("/etc/me/parley/desktop.toml")
    assert default_path("darwin", {}, home) == home / "Library/Application Support/Parley/desktop.toml"
    assert default_path("win32", {"APPDATA": "/roaming"}, home) == Path("/roaming/Parley/desktop.toml")
    assert PurePosixPath(default_path("win32", {}, home)).name == "desktop.toml"
