"""What devices there are just now, looked up by a process of its own: PortAudio looks only when it begins.

So a call goes on undisturbed while its person, or a lost device, wants a fresh list.
`python -m clients.desktop.sound_card.listing BACKEND` prints it as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from ..failures import UsageError
from .backends import open_card
from .devices import SoundDevice

LOOKED_UP_WITHIN_S = 10.0
_ROOT = Path(__file__).parents[3]
_FIELDS = frozenset(SoundDevice.__dataclass_fields__)


class Listing:
    """One look-up, under way. Ask `result` now and then."""

    def __init__(self, backend: str) -> None:
        self._begun_s = time.monotonic()
        self._child: subprocess.Popen[bytes] | None = None
        self._put_away = ExitStack()
        try:
            # Not a pipe: nobody reads before the end, and Windows' holds 4 KiB, less than a list of some devices.
            self._found = self._put_away.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
            self._child = subprocess.Popen(
                [sys.executable, "-m", __name__, backend],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=self._found,
                stderr=subprocess.DEVNULL,
            )
        except OSError:
            self._put_away.close()

    @property
    def done(self) -> bool:
        """Whether it has ended; one that hangs is put away."""
        if self._child is None or self._child.poll() is not None:
            return True
        if time.monotonic() - self._begun_s > LOOKED_UP_WITHIN_S:
            self.put_away()
        return self._child is None

    def wait(self) -> None:
        """Wait until it has ended. Blocks."""
        while not self.done:
            time.sleep(0.05)

    def result(self) -> list[SoundDevice] | None:
        """Return what it found, once `done`; None when it failed."""
        child, self._child = self._child, None
        if child is None:
            return None
        with self._put_away:
            self._found.seek(0)
            return None if child.returncode else read(self._found.read().decode("utf-8", "replace"))

    def put_away(self) -> None:
        """End it, whatever it is doing."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None
        self._put_away.close()


def written(devices: list[SoundDevice]) -> str:
    """Return devices as JSON."""
    return json.dumps([asdict(device) for device in devices])


def read(text: str) -> list[SoundDevice] | None:
    """Return devices from JSON; None for anything else."""
    try:
        told = json.loads(text)
        return [SoundDevice(**{name: value for name, value in each.items() if name in _FIELDS}) for each in told]
    except (ValueError, TypeError, AttributeError):
        return None


def main() -> int:
    """Print the devices."""
    try:
        card = open_card(sys.argv[1] if len(sys.argv) > 1 else "")
    except UsageError as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    print(written(card.devices()))
    card.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
