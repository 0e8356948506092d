"""Choosing sound devices in mid-call: the list, opened over the screen and kept up to date while it is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.app import App

from ..conversation import Conversation
from ..device import ChoosableDevice, is_choosable
from ..failures import UsageError
from .sheets import SoundSheet
from .sound_choices import Choice, choices


class SoundDesk:
    """One screen's. `conversation` tells which one is held just now, `say` shows the person a line."""

    def __init__(
        self, app: App[Any], conversation: Callable[[], Conversation | None], say: Callable[[str], None]
    ) -> None:
        self._app, self._conversation, self._say = app, conversation, say

    def open(self) -> None:
        """Show the devices there are, to be chosen from."""
        conversation = self._conversation()
        card = _card_of(conversation)
        if conversation is None or card is None:
            self._say("There is no sound card to choose from.")
            return
        self._app.push_screen(SoundSheet(choices(card.devices(), conversation.quality), self._choose))
        self.look()

    def look(self) -> None:
        """While the list is open, show what has been plugged in or pulled out."""
        if isinstance(self._app.screen, SoundSheet) and (card := _card_of(self._conversation())):
            self._app.run_worker(self._list(card), name="devices", group="devices", exclusive=True)

    def _choose(self, choice: Choice) -> None:
        card = _card_of(self._conversation())
        if card is None:
            return
        try:
            if waits := _take(card, choice):
                self._say(waits)
        except UsageError as problem:
            self._say(str(problem))
        self.look()

    async def _list(self, card: ChoosableDevice) -> None:
        devices = await card.refresh()
        if isinstance(self._app.screen, SoundSheet) and (conversation := self._conversation()):
            self._app.screen.show(choices(devices, conversation.quality))


def _card_of(conversation: Conversation | None) -> ChoosableDevice | None:
    device = conversation.device if conversation else None
    return device if is_choosable(device) else None


def _take(card: ChoosableDevice, choice: Choice) -> str:
    """Go on with what was chosen; return one line where that has to wait. Raises UsageError."""
    match choice.kind:
        case "input":
            card.choose(input=choice.value)
        case "output":
            card.choose(output=choice.value)
        case "echo":
            return card.switch_echo(choice.value)
    return ""
