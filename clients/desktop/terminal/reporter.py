"""Records conversations for a bug report while somebody wants it, and writes the file. No Textual here."""

from __future__ import annotations

import time
from pathlib import Path

from ..bug_report import BugReport, VoiceTap
from ..device import is_choosable
from ..events import Event
from ..meters import Levels, Quality
from ..options import Options

FIGURES_S = 1.0


class Reporter:
    """Records from `begin` to `stop`, over several conversations if need be."""

    def __init__(self, options: Options) -> None:
        self.written: list[Path] = []
        self.is_wanted = options.bug_report is not None
        """Asked for on the command line: that is an agreement too."""
        self._options = options
        self._report: BugReport | None = None
        self._noted_s = 0.0

    @property
    def is_recording(self) -> bool:
        """Whether it records now."""
        return self._report is not None

    def begin(self) -> None:
        """Record from now on; the person has agreed."""
        self._report, self.is_wanted = BugReport(), False

    def attach(self, device: object, tap: VoiceTap) -> None:
        """Take the sound of this device, if it records; after `stop` none of it."""
        tap.report = self._report
        if is_choosable(device):
            device.tracks = self._report

    def feed(self, event: Event) -> None:
        """Take an event."""
        if self._report:
            self._report.feed(event)

    def note(self, levels: Levels, quality: Quality, now_s: float) -> None:
        """Take the figures, as often as they are worth it."""
        if self._report and now_s - self._noted_s >= FIGURES_S:
            self._noted_s = now_s
            self._report.note(levels, quality, now_s)

    def stop(self) -> BugReport | None:
        """Stop recording; return what is to be written. Attach again, so that the sound card stops adding to it."""
        report, self._report = self._report, None
        return report

    def write(self, report: BugReport | None) -> Path | None:
        """Write what `stop` returned; return the file's name, None when nothing was recorded. Raises UsageError."""
        if report is None:
            return None
        asked, first = self._options.bug_report, not self.written
        path = asked if asked and first else Path(time.strftime("parley-report-%Y%m%d-%H%M%S.zip")).absolute()
        report.write(path, self._options)
        self.written.append(path)
        return path
