"""Which clients there are to be measured, and how each is started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from local.child import ROOT
from tests.clients.sound_track import HZ
from tests.esp32.program import build, obstacle
from tests.web.e2e.browser import CHROMIUM

PACKAGES: Final = ROOT / ".venv-web"


@dataclass(frozen=True)
class Kind:
    """One client."""

    name: str
    obstacle: Callable[[], str]
    """Why it can't be started here; "" when it can."""
    command: Callable[[str], tuple[str, ...]]
    """How it is started for a server's URL; `--record FIFO` is put behind."""
    exact: tuple[str, ...] = ()
    """What has it ask for PCM16 at 24 kHz, where it would not."""
    usual: tuple[str, ...] = ()
    """What has it ask for what it usually does, where a test's program would not."""
    usual_hz: int = HZ
    """What its speaker runs at then."""


def _no_obstacle() -> str:
    return ""


def _desktop(server: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.clients.desktop_worker", "--server", server)


def _esp32(server: str) -> tuple[str, ...]:
    return (str(build()), "--server", server)


def _web(server: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.clients.web_worker", "--server", server)


def _web_obstacle() -> str:
    if not CHROMIUM:
        return "there is no chromium on this machine (Debian: apt install chromium; or CHROMIUM=/path/to/it)"
    return "" if PACKAGES.exists() else "Playwright is not installed: `make test-web` does it"


KINDS: Final = (
    Kind("desktop", _no_obstacle, _desktop, ("--reply-format", "pcm16")),
    Kind("esp32", obstacle, _esp32, usual=("--output-hz", "16000"), usual_hz=16_000),  # as boards have it
    Kind("web", _web_obstacle, _web, ("--output", "pcm16")),
)
ENVIRONMENT: Final = {"PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}", "PYTHONUNBUFFERED": "1"}
