"""The Makefile: every command that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

MAKEFILE = (Path(__file__).resolve().parents[3] / "Makefile").read_text()


def test_every_named_command_has_a_rule() -> None:
    """What is phony is also made, and `make help` can tell of all but the set-up of the developers."""
    named = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert named is not None
    for name in named[1].split():
        rule = re.search(rf"^{name}:.*$", MAKEFILE, re.MULTILINE)
        assert rule is not None, f"`make {name}` is named and not there"
        assert "##" in rule[0] or name.endswith("-setup"), f"`make help` does not say what {name} does"
