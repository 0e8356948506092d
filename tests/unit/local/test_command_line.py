"""The command line of `make run`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from local.__main__ import AGENTS, model_in_words, parse, settings
from local.ring import DOOR_PORT, Ring, RingSettings


def test_without_a_terminal_the_demonstration_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that runs it gets an exit code; a person at a terminal gets a ring that stays up."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    options = parse([])
    assert (options.demo, options.serve, options.logs, options.port) == (True, False, False, DOOR_PORT)
    assert parse(["--serve"]).serve


def test_without_the_demonstration_it_serves_and_shows_the_logs() -> None:
    """There is nothing else it could be for."""
    options = parse(["--no-demo"])
    assert (options.demo, options.serve, options.logs) == (False, True, True)


def test_copies_are_of_the_stages_only(tmp_path: Path) -> None:
    """One engine is the model for all, and one Redis keeps the sessions."""
    assert settings(parse([]), tmp_path).copies == {"ingress": 1, "vad": 1, "broker": 1, "egress": 1}
    assert settings(parse(["--copies", "2"]), tmp_path).copies == {"ingress": 2, "vad": 2, "broker": 2, "egress": 2}


@pytest.mark.parametrize("copies", ["0", "two", "10"])
def test_a_number_of_copies_that_is_none_is_told(copies: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The error names the value and the range."""
    with pytest.raises(SystemExit):
        parse([f"--copies={copies}"])
    assert f"'{copies}' is no number of copies: 1 to 9" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["door", "-1", "65536"])
def test_a_port_that_is_none_is_told(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The error names the value and the range."""
    with pytest.raises(SystemExit):
        parse([f"--port={port}"])
    assert f"'{port}' is no port: 0 to 65535" in capsys.readouterr().err


def test_settings_for_a_service_that_does_not_exist_are_refused() -> None:
    """A misspelt name would otherwise do nothing, quietly."""
    with pytest.raises(ValueError, match="the ring has no 'brocker', only ingress, vad, broker, egress, engine"):
        RingSettings(copies={"brocker": 2})


def test_the_agents_are_those_of_the_project_unless_others_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """PARLEY_AGENTS reaches vad and broker as it is; without it the shipped profiles do."""
    monkeypatch.delenv("PARLEY_AGENTS", raising=False)
    named = {name: env.get("PARLEY_AGENTS") for name, env in settings(parse([]), Path("run")).env.items()}
    assert named == {"ingress": None, "vad": str(AGENTS), "broker": str(AGENTS), "egress": None}
    assert (AGENTS / "default.yaml").is_file()
    monkeypatch.setenv("PARLEY_AGENTS", "/elsewhere")
    assert not any("PARLEY_AGENTS" in env for env in settings(parse([]), Path("run")).env.values())


def test_each_stage_leaves_its_spans_in_the_folder_of_the_run() -> None:
    """`make trace` finds them there: a file for each process, so that none writes into another's."""
    env = settings(parse(["--copies", "2"]), Path("/a/run")).env
    files = {name: variables["PARLEY_TRACE_FILE"] for name, variables in env.items()}
    assert files["vad-2"] == "/a/run/traces/vad-2.jsonl"
    assert len(set(files.values())) == len(files) == 8


def test_the_model_is_named_without_its_keys() -> None:
    """Some servers take them in the address, and a terminal is looked at by others."""
    ring = Ring()
    ring.model_url = "wss://me:secret@models.example/v1?token=secret"
    assert model_in_words(ring) == "wss://models.example/v1"
