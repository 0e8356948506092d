"""The ESP-IDF project, as far as a compiler without Espressif's can tell: every board's code, against stub headers."""

from __future__ import annotations

import re
import subprocess

import pytest

from local.child import ROOT

PORT = ROOT / "clients" / "esp32" / "port" / "esp_idf"


@pytest.mark.timeout(300)
def test_every_board_compiles_without_a_warning() -> None:
    """Syntax, types and -Wall -Wextra -Wconversion, for each board and each choice."""
    made = subprocess.run(
        ["make", "-k", "-C", str(PORT / "stubs")], capture_output=True, text=True, timeout=280, check=False
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout.count(": well") == 6


@pytest.mark.timeout(300)
def test_what_can_be_run_without_a_board() -> None:
    """Neither a network that takes nothing nor a silent microphone stops it; the button has it set up anew."""
    made = subprocess.run(["make", "-C", str(PORT / "tests")], capture_output=True, text=True, timeout=280, check=False)
    assert made.returncode == 0, f"{made.stdout}\n{made.stderr}"
    assert made.stdout.count(" 0 failures.") == 3


def test_the_log_tells_no_secrets() -> None:
    """No line above debug has what was said in it, and none a password or a token."""
    sources = "\n".join(path.read_text() for path in (PORT / "main").glob("*.c"))
    for statement in re.findall(r"ESP_LOG[EWI]\((.*?)\);", sources, re.DOTALL):
        values = re.sub(r'"[^"]*"', "", statement)
        assert not re.search(r"password|token|who", values), statement


def test_tasks_have_small_stacks() -> None:
    """No task is given more than 4 KB."""
    sources = "\n".join(path.read_text() for path in (PORT / "main").glob("*.c"))
    stacks = [int(size) for size in re.findall(r"#define STACK_BYTES (\d+)", sources)]
    assert len(stacks) == 2
    assert max(stacks) <= 4096
    assert set(re.findall(r"xTaskCreate(?:PinnedToCore)?\(\w+, \"\w+\", (\w+),", sources)) == {"STACK_BYTES"}


def test_what_menuconfig_offers_is_what_the_code_reads() -> None:
    """Each CONFIG_PARLEY_… of the code stands in Kconfig, and each of Kconfig's is used."""
    offered = set(
        re.findall(r"^\s*(?:menu)?config (PARLEY_\w+)", (PORT / "main" / "Kconfig.projbuild").read_text(), re.M)
    )
    texts = [path.read_text() for path in [*(PORT / "main").glob("*.[ch]"), PORT / "main" / "CMakeLists.txt"]]
    used = set(re.findall(r"CONFIG_(PARLEY_\w+)", "\n".join(texts)))
    assert used <= offered
    assert offered - used <= {"PARLEY_BOARD_OTHER"}, "the last board is the one that is left"
