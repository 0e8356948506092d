"""The core's own tests, under the address and the undefined behaviour sanitizers."""

from __future__ import annotations

import subprocess

import pytest

from .programs import BUILD_S, ESP32

pytestmark = pytest.mark.timeout(2 * BUILD_S)

HOST = ESP32 / "tests" / "build" / "host"


def _run(*command: str) -> str:
    done = subprocess.run([HOST / command[0], *command[1:]], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_unit_tests_pass(host_programs: None) -> None:
    """What clients/esp32/tests/unit checks is so, and neither sanitizer has anything to say."""
    assert " 0 failures." in _run("unit")


def test_nothing_breaks_the_parsers(host_programs: None) -> None:
    """Three seconds of mutated messages, keys and breaks: no crash, no read beyond an end."""
    assert "nothing broke" in _run("fuzz", "3")
