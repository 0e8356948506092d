"""The terminal interface: a thin shell of Textual around the view and one conversation at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches

from ..bug_report import VoiceTap
from ..conversation import Conversation
from ..failures import EXIT_OK, ClientError, UsageError
from ..meters import Levels
from ..options import Options
from ..transcript import Transcript
from .colours import other_theme, theme_name
from .picture import draw
from .reporter import Reporter
from .rows import NARROW_COLUMNS
from .sheets import ConsentSheet, KeysSheet, TypeSheet
from .sound_desk import SoundDesk
from .talk_key import TalkKey
from .view import ViewModel
from .widgets import CaptionLines, Rows

DRAWN_PER_S = 15
LOOKED_FOR_DEVICES_S = 2.0

Call = Callable[[VoiceTap], Conversation]
"""Begins a conversation over a device of its own that tells the tap its voices; raises ClientError where none is."""


class ParleyApp(App[None]):
    """The screen. `failure` is why the last conversation went wrong, None when it did not."""

    TITLE = "Parley"
    CSS_PATH = "style.tcss"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW_COLUMNS, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "hold", "Talk"),
        Binding("t", "toggle_talk", "Talk by two presses"),
        Binding("m", "mute", "Mute"),
        Binding("escape", "stop", "Stop the reply"),
        Binding("d", "sound", "Sound"),
        Binding("slash", "type", "Type"),
        Binding("r", "report", "Bug report"),
        Binding("l", "light", "Light or dark"),
        Binding("question_mark", "keys", "Keys"),
        Binding("enter", "again", "Call again"),
        Binding("q", "leave", "Leave"),
        Binding("ctrl+c,ctrl+q", "leave", "Leave", priority=True, show=False),
    ]

    def __init__(self, options: Options, call: Call, transcript: Transcript | None = None) -> None:
        super().__init__()
        self.failure: ClientError | None = None
        self.reporter = Reporter(options)
        self._options, self._call, self._transcript = options, call, transcript
        self._model = ViewModel()
        self._key = TalkKey()
        self._is_pressed = False
        self._conversation: Conversation | None = None
        self._sound = SoundDesk(self, lambda: self._conversation, lambda words: self._model.say(words))
        self._calls = 0
        self._tap = VoiceTap(keep=False)
        self._is_leaving = False
        self.theme = theme_name(options.theme)

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield Rows("top")
        yield CaptionLines()
        yield from map(Rows, ("note", "levels", "latency", "connection", "keys"))

    def on_mount(self) -> None:
        """Call, and draw from now on."""
        self.query_one(CaptionLines).focus()
        self.set_interval(1 / DRAWN_PER_S, self._draw)
        self.set_interval(LOOKED_FOR_DEVICES_S, self._sound.look)
        self.run_worker(self._converse(), name="conversation")

    # The conversation

    async def _converse(self) -> None:
        """Hold one conversation. A refusal of the first one ends the program; later ones are told on the screen."""
        self.failure, was_open = None, False
        self._calls, self._tap = self._calls + 1, VoiceTap(keep=self._options.record is not None)
        try:
            conversation = self._call(self._tap)
            if self.reporter.is_wanted:
                self._begin_report()
            async with conversation:
                was_open, self._conversation = True, conversation
                self.reporter.attach(conversation.device, self._tap)
                async for event in conversation:
                    self._model.feed(event)
                    self.reporter.feed(event)
                    if self._transcript:
                        self._transcript.feed(event)
            self._model.end("The conversation is over")
        except ClientError as problem:
            self.failure = problem
            self._model.end(str(problem))
        finally:
            self._conversation = None
        self._write_recording()
        if self._is_leaving or (not was_open and self.failure):
            self.exit()

    def _write_recording(self) -> None:
        """Write both voices where that was asked for, each conversation's to a file of its own."""
        if path := self._options.record:
            if self._calls > 1:
                path = path.with_stem(f"{path.stem}-{self._calls}")
            try:
                self._tap.write_stereo(path)
            except UsageError as problem:
                self.failure = problem

    def action_again(self) -> None:
        """Call again, once the conversation is over."""
        if self._model.now.over and not self._is_leaving:
            self._model, self._key, self._is_pressed = ViewModel(), TalkKey(), False
            self.run_worker(self._converse(), name="conversation")

    def action_leave(self) -> None:
        """Say goodbye and leave; asked twice, leave at once."""
        if self._is_leaving:
            self.exit()
            return
        self._is_leaving = True
        self.run_worker(self._leave(), name="leave")

    async def _leave(self) -> None:
        await self._write_report()
        if self._conversation:
            await self._conversation.hang_up()  # the worker that holds it leaves then
        else:
            self.exit()

    # Keys

    def action_hold(self) -> None:
        """Take a press or a repeat of the talk key."""
        self._key.held(time.monotonic())
        self._tell_key()

    def action_toggle_talk(self) -> None:
        """Begin or end talking by a press."""
        self._key.toggled()
        self._tell_key()

    def _tell_key(self) -> None:
        if not self._conversation or self._key.down == self._is_pressed:
            return
        self._is_pressed = self._key.down
        self._conversation.push_to_talk(self._is_pressed)
        self._model.now.is_talking, self._model.now.has_talk_key = self._is_pressed, True

    def action_mute(self) -> None:
        """Close the microphone, or open it again."""
        if self._conversation:
            self._model.now.is_muted = not self._model.now.is_muted
            self._conversation.mute(self._model.now.is_muted)

    def action_stop(self) -> None:
        """Stop the reply."""
        if self._conversation:
            self._conversation.interrupt()

    def action_light(self) -> None:
        """Change between light and dark."""
        self.theme = other_theme(self.theme)

    def action_keys(self) -> None:
        """Show all keys."""
        self.push_screen(KeysSheet())

    def action_type(self) -> None:
        """Type instead of speaking."""
        self.push_screen(TypeSheet(), self._say_typed)

    def _say_typed(self, text: str | None) -> None:
        if text and self._conversation:
            self._conversation.say_text(text)

    def action_sound(self) -> None:
        """Show the sound devices."""
        self._sound.open()

    # Recording for a bug report

    def action_report(self) -> None:
        """Ask, and record; or stop, and write the file."""
        if self.reporter.is_recording:
            self.run_worker(self._write_report(), name="report")
        else:
            self.push_screen(ConsentSheet(), self._consented)

    def _consented(self, agreed: bool | None) -> None:
        if agreed:
            self._begin_report()
            self._model.say("Recording. r stops it and writes the file.")

    def _begin_report(self) -> None:
        self.reporter.begin()
        if self._conversation:
            self.reporter.attach(self._conversation.device, self._tap)

    async def _write_report(self) -> None:
        try:
            path = await asyncio.to_thread(self.reporter.write)
        except UsageError as problem:
            self._model.say(str(problem))
            return
        if self._conversation:
            self.reporter.attach(self._conversation.device, self._tap)
        if path:
            self._model.say(f"The bug report is {path}. Nobody has it but you.")

    # Drawing

    def _draw(self) -> None:
        now_s = time.monotonic()
        self._key.tick(now_s)
        self._tell_key()
        if self._conversation:
            device, quality = self._conversation.device, self._conversation.quality
            levels: Levels = getattr(device, "levels", Levels())  # files have none
            self._model.look(levels, quality, self._conversation.playout.playhead(), now_s)
            self.reporter.note(levels, quality, now_s)
        self._model.is_recording = self.reporter.is_recording
        with suppress(NoMatches, IndexError):  # the screen comes up, or goes away
            draw(self.screen_stack[0], self._model.view, self._place, is_over=bool(self._model.now.over))

    @property
    def _place(self) -> str:
        return f"{self._options.agent} at {self._options.server}" if self._options.agent else self._options.server

    @property
    def exit_code(self) -> int:
        """What the shell is told."""
        return self.failure.exit_code if self.failure else EXIT_OK
