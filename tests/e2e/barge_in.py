"""A barge-in, by whatever client: a phrase over a long reply, and what must be true of it afterwards."""

from __future__ import annotations

import asyncio

from clients.desktop import events
from parley.v1 import session_pb2
from tests.e2e.scene import Actor
from tests.fakes import speech
from tests.fakes.realtime import Reply

REPLIES = (Reply(seconds=10), Reply(seconds=1))
WORDS = ("a story", "the weather")
LATENCY_MS = 40
_CLOSE_SAMPLES = 240


async def barge_in(actor: Actor, question: str, phrase: str) -> events.Silenced:
    """Ask, say the phrase over the answer, and hear the next one out; return where the first fell silent."""
    actor.person.says(speech.silence(300), speech.say(question))
    await actor.person.hears(1, 2000)
    actor.person.says(speech.silence(300), speech.say(phrase))
    silenced = await actor.person.sees(events.Silenced)
    await actor.person.sees(events.ReplyPlayed, reply=2)
    await asyncio.sleep(0.3)
    return silenced


async def assert_cut_where_heard(actor: Actor, silenced: events.Silenced) -> None:
    """The model's memory and history end with what the speaker played, which is what the client has said."""
    first, second = actor.responses
    actor.assert_memory_is_true()
    actor.assert_whole(second)
    assert abs(actor.heard_of(first) - silenced.position) <= _CLOSE_SAMPLES, (
        "the client reports what its speaker played"
    )
    assert actor.person.of(events.Duck), "lowered before it was cut"
    cut = next(item for item in await actor.history() if item.role == session_pb2.HistoryItem.ROLE_ASSISTANT)
    assert cut.interrupted
    assert Reply().text.startswith(cut.text)
