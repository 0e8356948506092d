"""When an environment needs nothing more installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import bootstrap


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a project root with three lock files, the first one within the second."""
    folder = tmp_path / "lock"
    folder.mkdir()
    (folder / "local.txt").write_text("redis==8.1.0 \\\n    --hash=sha256:1\nnumpy==2.4.6 ; python_version < '3.12'\n")
    (folder / "dev.txt").write_text("mypy==1.18\nnumpy==2.4.6\nredis==8.1.0 \\\n    --hash=sha256:1\n")
    (folder / "live.txt").write_text("pyaudio==0.2.14\n")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    return folder


def installed(environment: Path, *locks: Path) -> None:
    """Stamp an environment as a successful installation does."""
    environment.mkdir(exist_ok=True)
    stamp = environment / f".installed-{'-'.join(lock.stem for lock in locks)}"
    stamp.write_text(bootstrap.fingerprint(list(locks)))


def test_what_was_installed_within_more_is_not_installed_again(locks: Path, tmp_path: Path) -> None:
    """`make run` after `make test` is instant; the other way round the rest is installed."""
    installed(tmp_path / "venv", locks / "dev.txt")
    assert bootstrap.is_installed(tmp_path / "venv", [locks / "dev.txt"])
    assert bootstrap.is_installed(tmp_path / "venv", [locks / "local.txt"])
    assert not bootstrap.is_installed(tmp_path / "venv", [locks / "local.txt", locks / "live.txt"])
    installed(tmp_path / "other", locks / "local.txt")
    assert not bootstrap.is_installed(tmp_path / "other", [locks / "dev.txt"])


def test_a_changed_lock_is_installed_again(locks: Path, tmp_path: Path) -> None:
    """A stamp vouches for the contents it was made of, not for the file's name."""
    installed(tmp_path / "venv", locks / "dev.txt")
    (locks / "dev.txt").write_text("mypy==1.19\nnumpy==2.4.6\nredis==8.1.0\n")
    assert not bootstrap.is_installed(tmp_path / "venv", [locks / "local.txt"])


def test_a_stamp_of_a_lock_that_is_gone_vouches_for_nothing(locks: Path, tmp_path: Path) -> None:
    """Locks come and go with branches."""
    installed(tmp_path / "venv", locks / "dev.txt")
    (locks / "dev.txt").unlink()
    assert not bootstrap.is_installed(tmp_path / "venv", [locks / "local.txt"])
