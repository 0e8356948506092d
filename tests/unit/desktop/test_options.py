"""The command line teaches, and a wrong one ends in one line with code 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.desktop.options import parse


def test_defaults_are_a_live_conversation_with_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without options the client talks to the ring on the same machine."""
    monkeypatch.delenv("PARLEY_SERVER", raising=False)
    options = parse([])
    assert (options.server, options.say, options.wait_s) == ("127.0.0.1:7700", (), 20.0)


def test_server_comes_from_the_option_then_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An option outweighs PARLEY_SERVER, PARLEY_SERVER outweighs the default."""
    monkeypatch.setenv("PARLEY_SERVER", "there:1234")
    assert parse([]).server == "there:1234"
    assert parse(["--server", "[::1]:7700"]).server == "[::1]:7700"


def test_a_token_comes_from_a_file_the_option_or_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And is shown by no repr."""
    monkeypatch.delenv("PARLEY_TOKEN", raising=False)
    (tmp_path / "token").write_text("from.a.file\n")
    assert parse([]).token == ""
    assert parse(["--token", f"@{tmp_path / 'token'}"]).token == "from.a.file"
    monkeypatch.setenv("PARLEY_TOKEN", "from.the.environment")
    assert parse([]).token == "from.the.environment"
    assert parse(["--token", "a.b.c"]).token == "a.b.c"
    assert "a.b.c" not in repr(parse(["--token", "a.b.c"]))


def test_tls_is_asked_for_by_the_address_or_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """--tls makes each address one that is called over TLS; whom to trust may come from the environment."""
    assert parse(["--server", "grpcs://there:7700"]).server == "grpcs://there:7700"
    servers = "there:7700,ws://there:7780,wss://x,grpcs://y:1"
    assert parse(["--tls", "--server", servers]).server == "grpcs://there:7700,wss://there:7780,wss://x,grpcs://y:1"
    monkeypatch.delenv("PARLEY_CA", raising=False)
    assert parse([]).ca is None
    monkeypatch.setenv("PARLEY_CA", "/ca.pem")
    assert parse([]).ca == Path("/ca.pem")
    assert parse(["--ca", "my.pem"]).ca == Path("my.pem")


def test_files_are_said_in_order() -> None:
    """--say takes several files."""
    options = parse(["--say", "a.wav", "b.wav", "--record", "out.wav", "--wait-s", "5"])
    assert options.say == (Path("a.wav"), Path("b.wav"))
    assert (options.record, options.wait_s) == (Path("out.wav"), 5.0)


def test_several_servers_are_taken_with_commas() -> None:
    """Of both kinds, with blanks or without."""
    servers = "one:7700, ws://two:7780,[::1]:7700"
    assert parse(["--server", servers]).server == "one:7700,ws://two:7780,[::1]:7700"


@pytest.mark.parametrize(
    "wrong",
    [
        ["--server", "here"],
        ["--server", "a:1,"],
        ["--server", "a:1,here"],
        ["--server", "here:70000"],
        ["--server", "grpcs://here"],
        ["--server", ":7700"],
        ["--wait-s", "soon"],
        ["--sya", "a.wav"],
        ["--token", "two words"],
        ["--token", "@there/is/no/such/file"],
    ],
)
def test_wrong_option_is_one_line_and_code_1(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Argparse's own code 2 would say that the server was unreachable."""
    with pytest.raises(SystemExit) as ending:
        parse(wrong)
    assert ending.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_wrong_environment_is_told_like_a_wrong_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typing error in PARLEY_SERVER does not end in gRPC's words."""
    monkeypatch.setenv("PARLEY_SERVER", "localhost")
    with pytest.raises(SystemExit):
        parse([])
    assert "is not HOST:PORT" in capsys.readouterr().err


def test_help_names_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """--help is enough to use the client."""
    with pytest.raises(SystemExit):
        parse(["--help"])
    text = capsys.readouterr().out
    for needed in ("examples:", "--say question.wav --record out.wav", "exit codes:", "PARLEY_SERVER"):
        assert needed in text


@pytest.mark.parametrize("server", ["ws://127.0.0.1:7780", "ws://[::1]:7780/v1/converse", "wss://parley.example"])
def test_a_websocket_address_is_taken_as_it_is(server: str) -> None:
    """Its scheme chooses the transport."""
    assert parse(["--server", server]).server == server


@pytest.mark.parametrize("server", ["ws://", "wss://:7780", "ws://there:port", "ws://there:0", "ws://there/?token=x"])
def test_a_wrong_websocket_address_is_one_line(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what an address looks like."""
    with pytest.raises(SystemExit) as ended:
        parse(["--server", server])
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n")) == (1, 1)
    assert "is not ws://HOST:PORT" in said


@pytest.mark.parametrize(
    "server", ["ws://me:SECRET@there:7780", "here:7700, wss://SECRET@there", "grpcs://me@there:7700"]
)
def test_no_name_and_password_stand_in_an_address(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Addresses are shown and stand in bug reports: the one line says what to use instead, and not the secret."""
    with pytest.raises(SystemExit) as ended:
        parse(["--server", server])
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n")) == (1, 1)
    assert "--token" in said
    assert "SECRET" not in said
