"""The same core as 32-bit RISC-V code, as an ESP32-C3 runs it: its tests in an emulator, and what it weighs."""

from __future__ import annotations

import pytest

from .programs import BUILD_S, make
from .weigh import table, weights

pytestmark = pytest.mark.timeout(2 * BUILD_S)


def test_the_core_runs_as_rv32imc_within_its_goals(rv32_tools: None, capsys: pytest.CaptureFixture[str]) -> None:
    """The unit tests pass there as well; code, memory, stack and instructions are within what a small device has."""
    printed = make("rv32")
    assert " 0 failures." in printed
    figures = weights(printed)
    with capsys.disabled():
        print(f"\n\n{table(figures)}\n")
    assert all(figure.is_met for figure in figures), table(figures)
