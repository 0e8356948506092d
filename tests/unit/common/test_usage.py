"""Usage: what a service says of itself, and what it says to an argument that there is not."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from services.broker.__main__ import USAGE as BROKER
from services.common import process
from services.common.usage import Usage
from services.egress.__main__ import USAGE as EGRESS
from services.ingress.__main__ import USAGE as INGRESS
from services.vad.__main__ import USAGE as VAD

SERVICES = Path(__file__).resolve().parents[3] / "services"
ALL = pytest.mark.parametrize("usage", [INGRESS, VAD, BROKER, EGRESS], ids=lambda usage: usage.service)


@ALL
def test_every_variable_that_a_service_reads_is_in_its_help(usage: Usage) -> None:
    """And so are those that all of them read; each line fits a terminal."""
    files = (SERVICES / usage.service).rglob("*.py")
    read = {name for file in files for name in re.findall(r'"(PARLEY_[A-Z_]+[A-Z])["=]', file.read_text())}
    told = {variable.name for variable in usage.variables}
    assert read | {"PARLEY_LISTEN", "PARLEY_REDIS_URL"} <= told
    assert all(len(line) <= 100 for line in str(usage).splitlines())


async def never(stopping: Any) -> None:
    """A service that must not be started."""
    raise AssertionError("it serves")


@ALL
@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--port", "--help"]])
def test_help_is_given_instead_of_a_service(
    usage: Usage, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard output, with exit code 0: what it is, its variables with their defaults, an example."""
    monkeypatch.setattr(sys, "argv", ["x", *arguments])
    with pytest.raises(SystemExit) as ended:
        process.run(usage, never)
    said = capsys.readouterr()
    assert (ended.value.code, said.err) == (0, "")
    assert said.out.startswith(f"usage: python -m services.{usage.service} [--help]\n")
    assert "(default: redis://127.0.0.1:6379/0)" in said.out
    assert re.search(rf"example:\n  \S*=.* python -m services\.{usage.service}\n", said.out)


@ALL
def test_an_argument_that_there_is_not_is_one_line(
    usage: Usage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with exit code 2."""
    monkeypatch.setattr(sys, "argv", ["x", "--port", "7000"])
    with pytest.raises(SystemExit) as ended:
        process.run(usage, never)
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    name = f"services.{usage.service}"
    assert said.err == f"{name}: there is no argument '--port'; settings are environment variables: see --help\n"
