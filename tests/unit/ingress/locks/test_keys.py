"""Keys: a file is read or refused in words that quote no secret, and is read again when it changes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from services.common.errors import SettingsFault
from services.ingress.locks.keys import Keys, SigningKey, new_key
from services.ingress.locks.revoked import names_in
from services.ingress.locks.watched_file import WatchedFile

SECRET = "c2VjcmV0LW9mLTMyLWJ5dGVzLW9yLW1vcmUtYnl0ZXM"
LINE = json.dumps({"id": "k1", "secret": SECRET})


def test_a_new_key_is_read_as_it_is_written() -> None:
    """Its line says everything, and it is another one each time."""
    key = SigningKey("k", new_key().secret, "checks", frozenset({"tutor"}), 5, 60)
    assert Keys.read(f"# ours\n\n{key}\n", "here").find("k") == key
    assert new_key().secret != new_key().secret
    assert str(key.secret) not in repr(key)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no key in it"),
        ("{", "line 1: it is no JSON object"),
        ("[" * 5_000, "it is no JSON object"),
        (f"{LINE}\n{LINE}", "line 2: there is another key 'k1'"),
        (json.dumps({"id": "k 1", "secret": SECRET}), "`id` must be"),
        (json.dumps({"id": "k1", "secret": "c2hvcnQtc2VjcmV0"}), "32 to 256 random bytes"),
        (json.dumps({"id": "k1", "secret": SECRET + "!"}), "32 to 256 random bytes"),
        (json.dumps({"id": "k1"}), "32 to 256 random bytes"),
        (json.dumps({"id": "k1", "secret": SECRET, "state": "old"}), "`state` must be one of"),
        (json.dumps({"id": "k1", "secret": SECRET, "state": "revoked"}), "no key in it that is not revoked"),
        (json.dumps({"id": "k1", "secret": SECRET, "agents": []}), "`agents` must be"),
        (json.dumps({"id": "k1", "secret": SECRET, "max_sessions": -1}), "`max_sessions` must be"),
        (json.dumps({"id": "k1", "secret": SECRET, "sekret": 1}), "unknown sekret"),
    ],
)
def test_a_wrong_file_is_told_by_its_line(text: str, words: str) -> None:
    """And what the error says holds no secret, not even one that is too short."""
    with pytest.raises(SettingsFault, match=words) as wrong:
        Keys.read(text, "here")
    assert SECRET not in wrong.value.message
    assert "c2hvcnQ" not in wrong.value.message


def test_a_changed_file_is_read_again_and_a_spoilt_one_is_not(tmp_path: Path) -> None:
    """What was there holds until something better is."""
    file = tmp_path / "keys"
    file.write_text(LINE)
    watched = WatchedFile(file, lambda text: Keys.read(text, "keys"))
    assert not watched.refresh()
    for text, has_second in (("nonsense", False), (f"{LINE}\n{LINE.replace('k1', 'k2')}", True)):
        beside = tmp_path / "new"
        beside.write_text(text)
        os.replace(beside, file)
        assert watched.refresh() == has_second
        assert watched.value.find("k1") is not None
        assert (watched.value.find("k2") is not None) == has_second
    file.unlink()
    assert not watched.refresh()
    assert watched.value.find("k2") is not None


def test_what_is_revoked_stands_a_line_each() -> None:
    """With words for people behind a #."""
    assert names_in("anna.1 # lost\n\n# nobody\nkitchen\n") == {"anna.1", "kitchen"}
