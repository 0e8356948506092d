"""`make certificates`: what it makes is what the services take."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.child import ROOT
from services.common.settings import Environment
from services.common.tls import Tls
from services.common.tls_certificate import CertificateFiles, read_certificate

VARIABLES = ("CERT", "KEY", "CA")
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl here")


def made(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it."""
    command = [sys.executable, str(ROOT / "scripts" / "certificates.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_doors_and_stages_get_certificates_that_are_taken_and_can_be_renewed(tmp_path: Path) -> None:
    """All of one CA, which stays; keys that only their owner reads; it says that they are for trials."""
    run = made(str(tmp_path / "out"), "parley.example", "10.0.0.5")
    assert (run.returncode, "trials only" in run.stdout) == (0, True), run.stderr
    folder = tmp_path / "out"
    for stage in ("ingress", "vad", "broker", "egress"):
        files = CertificateFiles(folder / f"{stage}.pem", folder / f"{stage}.key", folder / "ca.pem", VARIABLES)
        assert read_certificate(files).names == (stage,)
        assert (folder / f"{stage}.key").stat().st_mode & 0o077 == 0
    doors = {"PARLEY_TLS_CERT": str(folder / "door.pem"), "PARLEY_TLS_KEY": str(folder / "door.key")}
    assert Tls.read(Environment(doors), has_doors=True).door_context() is not None
    door = read_certificate(CertificateFiles(folder / "door.pem", folder / "door.key", None, VARIABLES))
    assert door.names == ("localhost", "parley.example")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert made(str(folder)).returncode == 0
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name for name in before if before[name] == after[name]} == {"ca.pem", "ca.key"}
    assert before.keys() == after.keys()


def test_without_a_folder_it_says_what_it_needs(tmp_path: Path) -> None:
    """And where it can't write."""
    assert (made().returncode, "OUT=folder" in made().stdout) == (2, True)
    (tmp_path / "file").write_text("")
    run = made(str(tmp_path / "file"))
    assert (run.returncode, run.stderr.startswith("Cannot write to")) == (1, True)
