"""A turn whose broker dies while its answer sounds: its trace goes on, and another broker tells its root."""

from __future__ import annotations

import asyncio

import pytest

from clients.desktop import events
from tests.e2e.scene import scene
from tests.fakes import speech
from tests.fakes.realtime import Reply
from tests.integration.collector import Span, collector
from tests.integration.traced_talk import ASKED, QUESTION, variables

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]

PATIENCE_S = 60.0


async def test_the_root_of_a_broker_that_died() -> None:
    """One trace, one root, marked as taken over; it lasts from the end of speech to the last sample played."""
    async with collector() as made, scene(variables(made.endpoint), copies={"broker": 2}) as opened:
        async with opened.person([Reply(seconds=4, speed=20)], [ASKED]) as actor:
            actor.person.says(speech.silence(300), speech.say(QUESTION))
            await actor.person.hears(1, 1500)
            record = await opened.store.read_record(actor.person.session)
            assert record is not None
            opened.ring.kill(next(name for name, at in opened.ring.addresses.items() if at == record.route.broker))
            await actor.person.until(lambda: next(iter(actor.person.of(events.ReplyPlayed)), None), PATIENCE_S)
            await asyncio.sleep(1)

        def roots() -> list[Span]:
            return [span for span in made.spans if span.name == "turn"]

        await made.until(lambda: bool(roots()), PATIENCE_S)
    (root,) = roots()
    assert root.attributes["parley.taken_over"] is True
    assert root.attributes["parley.turn"] == 1
    children = {span.name: span for span in made.children(root)}
    assert {"vad.endpoint", "egress.first_frame", "client.first_sample", "client.playout"} <= set(children)
    assert abs(root.start_s - children["vad.endpoint"].start_s) < 0.001
    assert root.end_s >= children["client.playout"].end_s - 0.5
