"""Recording for a bug report from the screen: asks first, says what becomes of it, and writes the file meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from textual.app import App

from ..bug_report import VoiceTap
from ..conversation import Conversation
from ..failures import UsageError
from .reporter import Reporter
from .sheets import ConsentSheet


class ReportDesk:
    """One screen's. `say` shows the person a line."""

    def __init__(self, app: App[Any], reporter: Reporter, say: Callable[[str], None]) -> None:
        self._app, self._reporter, self._say = app, reporter, say
        self._conversation: Conversation | None = None
        self._tap = VoiceTap(keep=False)
        self._writing = asyncio.Lock()

    def calls(self, tap: VoiceTap) -> None:
        """Note that a conversation is begun over this tap; the command line may have asked for it to be recorded."""
        self._conversation, self._tap = None, tap
        if self._reporter.is_wanted:
            self._reporter.begin()

    def holds(self, conversation: Conversation) -> None:
        """Note that it is open."""
        self._conversation = conversation
        self._attach()

    def ask_or_write(self) -> None:
        """Ask, and record; or stop, and write the file."""
        if self._reporter.is_recording:
            self._app.run_worker(self.write(), name="report")
        else:
            self._app.push_screen(ConsentSheet(), self._consented)

    async def write(self) -> None:
        """Stop recording, if it was begun, and write the file; a file that is being written is waited for."""
        report = self._reporter.stop()
        self._attach()
        async with self._writing:
            try:
                path = await asyncio.to_thread(self._reporter.write, report)
            except UsageError as problem:
                self._say(str(problem))
                return
        if path:
            self._say(f"The bug report is {path}. Nobody has it but you.")

    def _consented(self, agreed: bool | None) -> None:
        if agreed:
            self._reporter.begin()
            self._attach()
            self._say("Recording. r stops it and writes the file.")

    def _attach(self) -> None:
        if self._conversation:
            self._reporter.attach(self._conversation.device, self._tap)
