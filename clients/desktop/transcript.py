"""What was said, in plain words, as it is said: on the screen, and in a file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TextIO

from . import events
from .events import Activity, Event, Who
from .failures import cannot_write

NAMES = {Who.USER: "You", Who.ASSISTANT: "Parley"}
STATES = {
    Activity.IDLE: "ready",
    Activity.LISTENING: "listening",
    Activity.THINKING: "thinking",
    Activity.SPEAKING: "speaking",
    Activity.BARGE_IN: "go on, I am listening",
}
ERASE = "\r\x1b[K"


class Transcript:
    """Writes whole lines; on a terminal also the line as it grows, and with `show_state` what Parley is doing."""

    def __init__(self, screen: TextIO, file: TextIO | None = None, *, show_state: bool = False) -> None:
        self._screen, self._file = screen, file
        self._show_state = show_state
        self._grows = screen.isatty()
        self._line: dict[Who, str] = {}

    def feed(self, event: Event) -> None:
        """Write what there is to say about an event."""
        match event:
            case events.Caption(final=True):
                self._finish(event)
            case events.Caption():
                self._line[event.who] = self._line.get(event.who, "") + event.text
                self._show(f"{NAMES[event.who]}: {self._line[event.who].lstrip()}")
            case events.State(activity=activity) if self._show_state and activity in STATES:
                self._show(f"[{STATES[activity]}]")
            case events.Draining(seconds=seconds):
                self._write(f"(The server is going away in {seconds} s.)")
            case events.Reconnecting(why=why):
                self._write(f"(Connecting again: {why}.)")
            case events.Resumed(gap_ms=gap_ms, lost_ms=lost_ms):
                lost = f" {lost_ms / 1000:.1f} s of your words are lost." if lost_ms else ""
                self._write(f"(Connected again after {gap_ms / 1000:.1f} s.{lost})")
            case events.SoundTrouble(words=words):
                self._write(f"({words or 'The sound is as it was chosen again.'})")
            case events.Notice(code=code, message=message):
                self._write(f"(The server says: {' '.join(message.split()) or code})")
            case events.Closed(reason=reason, code=code) if event.is_polite and code != "client":
                self._write(f"(Parley has hung up: {' '.join(reason.split()) or code})")

    def _finish(self, caption: events.Caption) -> None:
        self._line.pop(caption.who, None)
        if words := caption.text.strip():
            cut_off = " (cut off)" if caption.interrupted else ""
            self._write(f"{NAMES[caption.who]}: {words}{cut_off}")

    def _write(self, line: str) -> None:
        print(f"{ERASE if self._grows else ''}{line}", file=self._screen, flush=True)
        if self._file:
            print(line, file=self._file, flush=True)

    def _show(self, line: str) -> None:
        """Show a line that is not final, its end if it is too long; only a terminal can take it back."""
        if self._grows:
            width = shutil.get_terminal_size().columns - 1
            shown = line if len(line) <= width else "…" + line[1 - width :]
            print(f"{ERASE}{shown}", end="", file=self._screen, flush=True)


def open_transcript(path: Path) -> TextIO:
    """Open a file for the transcript. Raises UsageError when it can't be written."""
    try:
        return path.open("w", encoding="utf-8")
    except OSError as problem:
        raise cannot_write(path, problem) from problem
