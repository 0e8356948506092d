"""Notes on a conversation that is over: what its take does not know yet."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Final

from clients.desktop import events
from services.common.errors import StoreLost
from tests.chaos.person import Person
from tests.chaos.score import words_lost
from tests.chaos.setting import Setting
from tests.chaos.takes import Take

_TRIES: Final = 20
_PAUSE_S: Final = 0.5
"""What Redis could not take while the conversation went on is written down after it: so long it is looked for."""


async def note(setting: Setting, take: Take, person: Person) -> None:
    """Hang up, and write down what was said, heard, looked up and remembered."""
    await person.hang_up()
    take.session = person.session
    take.spoken = person.spoken
    take.worst_lag_ms = person.device.worst_lag_ms
    take.reconnected = [event.why for event in person.log if isinstance(event, events.Reconnecting)]
    take.dropped_frames = person.dropped_frames
    take.heard_up_to = len(person.device.recording().assistant())
    take.silenced = [event.at.played_samples for event in person.log if isinstance(event, events.Silenced)]
    errands = setting.tools.of(person.session)
    take.looked_up, take.requests = [e.utterance for e in errands], sum(e.requests for e in errands)
    asked = setting.journals.asked(person.number)
    take.continued_by_model = {one.heard.utterance for one in asked if one.continues}
    begun = Counter(one.heard for one in asked if not one.first_word)
    take.begun_anew = {heard.utterance for heard, count in begun.items() if count > 1}
    take.half_heard = {one.heard for one in asked if one.heard.words}
    await _remember(setting, take)
    take.runs = await setting.decoder.decode(person, take.half_heard)


async def _remember(setting: Setting, take: Take) -> None:
    """Note the person's turns that stand in history: none if Redis does not come back."""
    for _ in range(_TRIES):
        with suppress(StoreLost):
            items = await setting.cluster.store.history(take.session)
            take.remembered = [item.text for item in items if item.role == item.ROLE_USER]
            if not words_lost(take):
                return
        await asyncio.sleep(_PAUSE_S)
