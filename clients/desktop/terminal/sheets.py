"""What is laid over the conversation: the keys, the agreement to a recording, a line to type, the sound devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ..bug_report import CONSENT
from .sound_choices import Choice

ALL_KEYS = """\
space   hold it to talk; let go when you have finished
t       the same by two presses
m       mute the microphone, open it again
esc     stop Parley's reply
d       microphone, speaker, echo
/       type instead of speaking
r       record for a bug report, and stop recording
l       light or dark
PgUp PgDn   look back in the conversation
enter   call again, when it is over
q       hang up and leave (Ctrl-C too)

Once space or t was used, the ends of your turns are left to it until the end of the conversation.

Struck-out words were cut off before you heard them; Parley knows that. Grey ones are on their way to the speaker."""


class KeysSheet(ModalScreen[None]):
    """All keys."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,enter,question_mark,q", "dismiss", "Back")]

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with Vertical(classes="sheet"):
            with VerticalScroll():
                yield Static(ALL_KEYS, markup=False)
            yield Static("[b]esc[/b] back")


class ConsentSheet(ModalScreen[bool]):
    """Asks before anything is recorded. Only one key agrees."""

    BINDINGS: ClassVar[list[BindingType]] = [("y", "dismiss(True)", "Record"), ("escape,n,q", "dismiss(False)", "No")]

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with Vertical(classes="sheet"):
            with VerticalScroll():
                yield Static(CONSENT, markup=False)
            yield Static("[b]y[/b] I agree: record   [b]esc[/b] no")


class TypeSheet(ModalScreen[str]):
    """A line to type."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss('')", "Back")]

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with Vertical(classes="sheet"):
            yield Input(placeholder="Type what you want to say", max_length=4000)
            yield Static("[b]enter[/b] say it   [b]esc[/b] back")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand the words on."""
        self.dismiss(event.value.strip())


class SoundSheet(ModalScreen[None]):
    """Microphone, speaker and the way with echo, to choose from. `show` may come at any time: devices come and go."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,d,q", "dismiss", "Back")]

    def __init__(self, choices: Sequence[Choice], choose: Callable[[Choice], None]) -> None:
        super().__init__()
        self._choices = list(choices)
        self._choose = choose

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with Vertical(classes="sheet"):
            yield OptionList(*self._options(), markup=False)
            yield Static("[b]enter[/b] choose   [b]esc[/b] back   ● in use\nWhat you plug in appears here.")

    def show(self, choices: Sequence[Choice]) -> None:
        """Show what there is now; the highlight stays where it was."""
        if list(choices) == self._choices:
            return
        self._choices = list(choices)
        listed = self.query_one(OptionList)
        highlighted = listed.highlighted
        listed.clear_options()
        listed.add_options(self._options())
        listed.highlighted = min(highlighted or 0, len(self._choices) - 1)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Hand the choice on, and stay: there may be another one to make."""
        self._choose(self._choices[event.option_index])

    def _options(self) -> list[Option]:
        return [Option(choice.words, disabled=choice.kind == "heading") for choice in self._choices]
