"""Certificates in files: what is wrong with one is told at the start, with its variable, in plain words."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from services.common.errors import SettingsFault
from services.common.settings import Environment
from services.common.tls import Tls
from services.common.tls_certificate import CertificateFiles, read_certificate
from tests.fakes.certificates import Authority

VARIABLES = ("PARLEY_RING_CERT", "PARLEY_RING_KEY", "PARLEY_RING_CA")


def files(cert: Path, key: Path, ca: Path | None = None) -> CertificateFiles:
    """Name them."""
    return CertificateFiles(cert, key, ca, VARIABLES)


def test_a_good_one_is_read_with_its_names_and_its_end(tmp_path: Path) -> None:
    """For the doors, whose callers know who signed it; and for the ring, where both sides are asked."""
    authority = Authority(tmp_path)
    cert, key = authority.issue("vad", "vad", "vad.parley.svc", days=30)
    for ca in (None, authority.ca_file):
        read = read_certificate(files(cert, key, ca))
        assert read.names == ("vad", "vad.parley.svc")
        assert read.key == key.read_bytes()
        assert read.ca == (ca.read_bytes() if ca else b"")
        assert "a certificate for vad, vad.parley.svc, good until 2" in str(read)
    assert "PRIVATE" not in repr(read)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    """Each in a sentence with the variable and the file."""
    (tmp_path / "other").mkdir()
    authority = Authority(tmp_path)
    other = Authority(tmp_path / "other")
    cert, key = authority.issue("vad")
    old = authority.issue("old", days=-1)
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    cases: list[tuple[CertificateFiles, str]] = [
        (files(tmp_path / "none.pem", key), r"PARLEY_RING_CERT='.*none.pem' can't be read: No such file"),
        (files(cert, tmp_path), r"PARLEY_RING_KEY='.*' can't be read: Is a directory"),
        (files(text, key), "PARLEY_RING_CERT='.*text.pem'.*can't be used"),
        (files(cert, text), "can't be used"),
        (files(cert, key, text), "the CA's file holds no certificate"),
        (files(cert, other.issue("vad")[1]), "the key is of another certificate"),
        (files(*old), "certificate has expired"),
        (files(*old, authority.ca_file), "certificate has expired"),
        (files(cert, key, other.ca_file), "unable to get local issuer certificate"),
    ]
    for these, words in cases:
        with pytest.raises(SettingsFault, match=words):
            read_certificate(these)


def test_a_key_with_a_password_is_told_of_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    """A service has no keyboard."""
    cert, key = Authority(tmp_path).issue("vad")
    locked = tmp_path / "locked.key"
    argv = ["openssl", "pkey", "-in", str(key), "-out", str(locked), "-aes256", "-passout", "pass:secret"]
    try:
        subprocess.run(argv, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not here")
    with pytest.raises(SettingsFault, match="the key is encrypted"):
        read_certificate(files(cert, locked))


def test_half_of_the_settings_is_told_of_and_none_is_plain(tmp_path: Path) -> None:
    """So that nobody believes to be safe who is not."""
    authority = Authority(tmp_path)
    ring, doors = authority.ring("vad"), authority.doors("parley.example")
    for missing in ring:
        half = {name: value for name, value in ring.items() if name != missing}
        with pytest.raises(SettingsFault, match=f"PARLEY_RING_.* is set, and {missing} not"):
            Tls.read(Environment(half))
    for missing in doors:
        half = {name: value for name, value in doors.items() if name != missing}
        with pytest.raises(SettingsFault, match=f"{missing} not"):
            Tls.read(Environment(half), has_doors=True)
    with pytest.raises(SettingsFault, match="PARLEY_RING_NAME"):
        Tls.read(Environment({"PARLEY_RING_NAME": "parley"}))
    plain = Tls.read(Environment({}), has_doors=True)
    assert (plain.ring_server(), plain.door_server(), plain.door_context()) == (None, None, None)
    assert (plain.stage("vad"), plain.other_door()) == (None, None)


def test_a_stage_is_known_by_its_name_or_by_the_one_that_all_have(tmp_path: Path) -> None:
    """Whatever its address; a wildcard is filled in."""
    authority = Authority(tmp_path)
    own = Tls.read(Environment(authority.ring("ingress") | authority.doors("*.parley.example")), has_doors=True)
    assert (peer := own.stage("vad")) is not None
    assert peer.name == "vad"
    assert (door := own.other_door()) is not None
    assert door.name == "ingress.parley.example"
    shared = Tls.read(Environment(authority.ring("parley") | {"PARLEY_RING_NAME": "parley"}))
    assert (peer := shared.stage("vad")) is not None
    assert peer.name == "parley"
