"""What holds for all tests: examples are the same in every run, so that a failure is of the change that shows it.

`PARLEY_EXPLORE=1 make unit` looks for new ones; what it finds belongs into a test of its own.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("explore" if os.environ.get("PARLEY_EXPLORE") else "same")
