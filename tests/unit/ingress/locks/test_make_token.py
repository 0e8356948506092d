"""`make token`: what it prints is taken, what it revokes is not, and what it can't do is one line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from services.ingress.locks.__main__ import main
from services.ingress.locks.grant import Grant
from services.ingress.locks.keys import Keys
from services.ingress.locks.revoked import names_in
from services.ingress.locks.tokens import verify


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the keys are to be."""
    monkeypatch.setenv("PARLEY_TOKEN_KEYS", str(tmp_path / "keys"))
    for name in ("PARLEY_REDIS_URL", "PARLEY_TOKENS_REVOKED", "PARLEY_TOKEN_AUDIENCE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "keys"


def made(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str) -> Grant:
    """Make a token and check it."""
    capsys.readouterr()
    assert main(arguments) == 0
    return verify(capsys.readouterr().out.strip(), Keys.read(home.read_text(), "here"), time.time())


def test_a_key_then_tokens(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is the owner's alone; each token says what was asked for; a second key signs from then on."""
    assert main([]) == 1
    assert "there are no keys" in capsys.readouterr().err
    assert main(["--new-key"]) == 0
    assert home.stat().st_mode & 0o777 == 0o600
    first = made(capsys, home)
    assert (first.holder, first.agents, first.expires_s - first.issued_s) == ("somebody", frozenset({"default"}), 900)
    device = made(capsys, home, "--device", "kitchen", "--days", "10", "--minutes-per-day", "60", "--agent", "tutor")
    assert (device.kind, device.holder, device.minutes_per_day) == ("device", "kitchen", 60)
    assert device.agents == frozenset({"tutor"})
    assert device.expires_s - device.issued_s == 864_000
    assert main(["--new-key"]) == 0
    second = made(capsys, home, "--minutes", "1", "--holder", "anna", "--session", "a" * 32)
    assert (second.session, second.holder) == ("a" * 32, "anna")
    assert first.key is not None
    assert second.key is not None
    assert first.key.id != second.key.id


def test_revoking_and_taking_it_back(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once is enough; and it says who does not know of it."""
    revoked = home.with_name("keys.revoked")
    for _ in range(2):
        assert main(["--revoke", "kitchen"]) == 0
    assert main(["--revoke", "anna.1"]) == 0
    assert len(revoked.read_text().splitlines()) == 2
    assert names_in(revoked.read_text()) == {"kitchen", "anna.1"}
    assert "Redis was not told" in capsys.readouterr().err
    assert main(["--restore", "kitchen"]) == 0
    assert names_in(revoked.read_text()) == {"anna.1"}


@pytest.mark.parametrize(
    "wrong", [["--minutes", "1441"], ["--minutes", "0"], ["--holder", "a b"], ["--device", ""], ["--tokn"]]
)
def test_a_wrong_argument_is_one_line(wrong: list[str], home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With exit code 2."""
    with pytest.raises(SystemExit) as ending:
        main(wrong)
    assert ending.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
