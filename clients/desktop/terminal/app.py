"""The terminal interface: a thin shell of Textual around the view and one conversation at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.worker import Worker, WorkerState

from ..bug_report import VoiceTap
from ..conversation import Conversation
from ..failures import ClientError, UsageError
from ..meters import Levels
from ..options import Options
from ..transcript import Transcript
from .colours import other_theme, theme_name
from .faults import Faults
from .picture import draw
from .report_desk import ReportDesk
from .reporter import Reporter
from .rows import NARROW_COLUMNS
from .sheets import KeysSheet, TypeSheet
from .sound_desk import SoundDesk
from .talk_key import TalkKey
from .view import ViewModel
from .widgets import CaptionLines, Rows

DRAWN_PER_S = 15
LOOKED_FOR_DEVICES_S = 2.0

Call = Callable[[VoiceTap], Conversation]
"""Begins a conversation over a device of its own that tells the tap its voices; raises ClientError where none is."""
Clock = Callable[[], float]


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

    def __init__(
        self, options: Options, call: Call, transcript: Transcript | None = None, clock: Clock = time.monotonic
    ) -> None:
        super().__init__()
        self.failure: ClientError | None = None
        self.faults = Faults()
        self.reporter = Reporter(options)
        self._options, self._call, self._transcript, self._clock = options, call, transcript, clock
        self._model = ViewModel()
        self._key = TalkKey()
        self._is_pressed = False
        self._conversation: Conversation | None = None
        self._sound = SoundDesk(self, lambda: self._conversation, lambda words: self._model.say(words))
        self._reports = ReportDesk(self, self.reporter, lambda words: self._model.say(words))
        self._calls, self._was_open = 0, False
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
        self.failure = None
        self._calls, self._tap = self._calls + 1, VoiceTap(keep=self._options.record is not None)
        try:
            conversation = self._call(self._tap)
            self._reports.calls(self._tap)
            async with conversation:
                self._was_open, self._conversation = True, conversation
                self._reports.holds(conversation)
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
        if self._is_leaving or (not self._was_open and self.failure):
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
        """Call again, once the conversation is over and put away."""
        if self._is_over and not self._is_leaving:
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
        await self._reports.write()
        if self._conversation:
            await self._conversation.hang_up()  # the worker that holds it leaves then
        else:
            self.exit()

    # Keys

    def action_hold(self) -> None:
        """Take a press or a repeat of the talk key."""
        self._key.held(self._clock())
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

    def action_report(self) -> None:
        """Record for a bug report, once the person has agreed; or stop, and write the file."""
        self._reports.ask_or_write()

    # Drawing

    def _draw(self) -> None:
        with self.faults:
            now_s = self._clock()
            self._key.tick(now_s)
            self._tell_key()
            if self._conversation:
                device, quality = self._conversation.device, self._conversation.quality
                levels: Levels = getattr(device, "levels", Levels())  # files have none
                self._model.look(levels, quality, self._conversation.playout.playhead(), now_s)
                self.reporter.note(levels, quality, now_s)
            self._model.is_recording = self.reporter.is_recording
            with suppress(NoMatches, IndexError):  # the screen comes up, or goes away
                draw(self.screen_stack[0], self._model.view, self._place, is_over=self._is_over)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Note a fault of what runs beside the screen; Textual ends the screen for it."""
        if event.state is WorkerState.ERROR:
            self.faults.note(event.worker.error)

    @property
    def _is_over(self) -> bool:
        """Whether the conversation is over and put away, so that another one may begin."""
        return bool(self._model.now.over) and self._conversation is None

    @property
    def _place(self) -> str:
        return f"{self._options.agent} at {self._options.server}" if self._options.agent else self._options.server

    @property
    def problem(self) -> ClientError | None:
        """Why the screen ended otherwise than well: a fault of this program, else what the last conversation met."""
        return self.faults.problem if self.return_code or self.faults.first else self.failure
