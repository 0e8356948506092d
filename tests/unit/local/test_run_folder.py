"""Two runs at once keep their files apart."""

from __future__ import annotations

import os
from pathlib import Path

from local.run_folder import claimed


def test_a_second_run_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    """The first holds `run`, a second one meanwhile `run/<pid>`; when the first is over `run` is free again."""
    wanted = tmp_path / "run"
    with claimed(wanted) as first, claimed(wanted) as second:
        assert (first, second) == (wanted, wanted / str(os.getpid()))
        assert second.is_dir()
    with claimed(wanted) as third:
        assert third == wanted
