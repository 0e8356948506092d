"""No test that runs the desktop client looks into the settings of whoever runs it."""

from __future__ import annotations

from tests.fakes.nobodys_settings import nobodys_settings

__all__ = ["nobodys_settings"]
