"""Sessions without a vad, and brokers that stop: who goes on, who is told, and who keeps silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest

from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2 as wire
from services.broker import server, stay
from services.broker.agent import Agent
from services.broker.webhook import Webhook
from services.common.parking import Parking
from services.common.room import Room
from tests.fakes.endpoint import answer, endpoint
from tests.fakes.eventually import eventually
from tests.fakes.realtime import FakeRealtime, Reply
from tests.integration.broker_ring import BrokerRing, Egress, agent
from tests.integration.takeover import ANSWER, Scene, fake_of, scene_with

USER, ASSISTANT = session.HistoryItem.ROLE_USER, session.HistoryItem.ROLE_ASSISTANT
END = wire.StreamEnd
KEY = b"a key of twenty-four and more"


def told_to(url: str, model_url: str) -> Agent:
    """An agent whose operator is told of the end at this URL."""
    return replace(agent(model_url), webhook=Webhook(url, KEY))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions are parked for a second."""
    monkeypatch.setattr(server, "Parking", lambda give_up: Parking(give_up, 1.0))


async def test_a_session_that_nobody_comes_back_to_ends(impatient: None) -> None:
    """Egress is told that it is over, and the operator what was said."""
    async with endpoint(answer(status=204)) as crm:
        async with FakeRealtime([Reply(seconds=1.0)]) as fake, BrokerRing(told_to(crm.url, fake.url)) as ring:
            vad = await ring.dial()
            await vad.turn(1)
            await ring.egress.ended(1)
            await ring.egress.played(1, 1000, ended=True)
            await ring.history(2)
            await vad.leave()
            end = await ring.egress.last_word()
            assert (end.reason, "nobody came back" in end.detail) == (END.REASON_DONE, True)
            await fake.until(lambda: fake.connections[0].closed)
            await eventually(lambda: bool(crm.got))
        assert (ring.count("parked"), ring.count("parked_lost")) == (1, 1)
    (got,) = crm.got
    assert [line["role"] for line in got.json["data"]["transcript"]] == ["user", "assistant"]


async def test_a_session_that_has_not_begun_is_not_parked() -> None:
    """Nothing is lost by it."""
    fake = FakeRealtime()
    fake.begin_no_session = True
    async with fake, BrokerRing(agent(fake.url)) as ring:
        vad = await ring.dial()
        await ring.egress.log.until(lambda r: r.HasField("open"))
        await vad.leave()
        assert (await ring.egress.last_word()).reason == END.REASON_FAILED
        assert ring.count("parked") == 0


async def test_a_broker_that_was_cut_off_keeps_silent() -> None:
    """Another has the session: the one that is left alone writes nothing and reports nothing."""
    async with endpoint(answer(status=204)) as crm, scene_with(fake_of(), partial(told_to, crm.url)) as scene:
        await scene.say()
        await scene.hear(1, 500)
        await scene.history(1)
        await scene.lose_vad()
        await scene.ring.another_broker()
        await scene.another_vad()
        await scene.fake.until(lambda: scene.fake.connections[0].closed)
        await scene.whole()
        await scene.true()
        await scene.end()
        await eventually(lambda: bool(crm.got))
    (got,) = crm.got
    data = got.json["data"]
    assert " ".join(line["text"] for line in data["transcript"]) == " ".join(["question 1", *ANSWER])
    assert data["turns"] == 1


async def test_a_late_waker_is_refused() -> None:
    """A vad of an earlier dial changes nothing, whichever broker it finds."""
    async with scene_with(fake_of()) as scene:
        await scene.another_vad()
        late = await scene.ring.dial(open=scene.ring.opening(dial=1, resumes=True))
        assert (await late.error()).code == wire.Error.CODE_SUPERSEDED
        here = scene.ring.broker
        other = await scene.ring.another_broker()
        late = await scene.ring.dial(open=scene.ring.opening(dial=1, resumes=True))
        assert (await late.error()).code == wire.Error.CODE_SUPERSEDED
        await other.kill()
        scene.ring.broker = here
        await scene.say()
        await scene.whole()
        await scene.true()


async def test_so_is_a_vad_of_an_ingress_that_was_cut_off() -> None:
    """The vad here goes on for another ingress; a vad that the old one dials meanwhile does not take its place."""
    async with scene_with(fake_of()) as scene:
        await scene.vad.say(open=scene.ring.opening(lease=5, resumes=True))
        await scene.say()
        late = await scene.ring.dial(open=scene.ring.opening(lease=1, dial=3, resumes=True))
        assert (await late.error()).code == wire.Error.CODE_SUPERSEDED
        await scene.whole()
        await scene.true()


async def test_a_full_broker_refuses_whoever_is_new() -> None:
    """At once, so that the caller goes elsewhere; what is there goes on."""
    async with scene_with(fake_of()) as scene:
        elsewhere = wire.Route(egress=await scene.ring.serve_egress(Egress()))
        await scene.ring.another_broker(Room("broker", 1))
        await scene.another_vad()
        for resumes in (False, True):
            late = await scene.ring.dial(open=scene.ring.opening(session="s2", route=elsewhere, resumes=resumes))
            error = await late.error()
            assert (error.code, error.retryable) == (wire.Error.CODE_FULL, True)
        await scene.another_vad()
        await scene.say()
        await scene.whole()


@asynccontextmanager
async def draining(scene: Scene) -> AsyncIterator[None]:
    """The broker is asked to stop meanwhile, and stops."""
    async with asyncio.TaskGroup() as group:
        group.create_task(scene.ring.broker.brokering.drain())
        yield


async def test_a_broker_that_stops_leaves_at_a_quiet_moment() -> None:
    """The reply is heard to its end first, and stands in history; the next broker knows it all."""
    async with endpoint(answer(status=204)) as crm, scene_with(fake_of(), partial(told_to, crm.url)) as scene:
        await scene.say()
        await scene.hear(1, 500)
        async with draining(scene):
            await asyncio.sleep(0.2)
            refused = await scene.ring.dial(open=scene.ring.opening(session="s2"))
            error = await refused.error()
            assert (error.code, error.retryable) == (wire.Error.CODE_FULL, True)
            assert (await scene.vad.last_word()).reason == END.REASON_DRAINING
        assert (await scene.ring.egress.last_word()).reason == END.REASON_DRAINING
        assert len(await scene.history(2)) == 2
        scene.ring.egress.log.messages.clear()
        await scene.ring.another_broker()
        await scene.another_vad()
        await scene.say()
        await scene.whole(2)
        await scene.true()
        await scene.end()
        await eventually(lambda: bool(crm.got))
    assert len(crm.got) == 1
    assert crm.got[0].json["data"]["turns"] == 2


async def test_a_broker_that_stops_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody speaks on and on: the session is left all the same, and the turn heard again elsewhere."""
    monkeypatch.setattr(stay, "QUIET_S", 0.3)
    async with scene_with(fake_of()) as scene:
        await scene.begin(2)
        async with draining(scene):
            assert (await scene.vad.last_word()).reason == END.REASON_DRAINING
        scene.ring.egress.log.messages.clear()
        await scene.ring.another_broker()
        await scene.another_vad()
        await scene.again()
        await scene.whole()
        await scene.true()


async def test_redis_is_away_when_a_broker_is_replaced() -> None:
    """The conversation goes on with what egress holds; what is said from then on is answered."""
    async with scene_with(fake_of()) as scene:
        await scene.say()
        await scene.ring.egress.ended(1)
        await scene.history(1)
        await scene.lose_broker()
        await scene.ring.redis.__aexit__()
        scene.dial += 1
        scene.vad = await scene.ring.dial(open=scene.ring.opening(dial=scene.dial, resumes=True))
        scene.past = (await scene.vad.ready()).past
        assert scene.past.turn == 1
        assert scene.ring.count("restored_without_history") == 1
        await scene.whole()
        await scene.say()
        await scene.whole(2)


async def test_what_a_session_has_cost_goes_along() -> None:
    """The record's figures are the session's, over all its brokers."""
    async with scene_with(fake_of()) as scene:
        await scene.say()
        await scene.whole()
        await scene.history(2)
        record = await scene.ring.store.read_record("s1")
        assert record is not None
        assert record.usage.audio_out > 0
        await scene.another_broker()
        await scene.say()
        await scene.whole(2)
        await scene.true()

        async def used() -> int:
            now = await scene.ring.store.read_record("s1")
            return now.usage.audio_out if now is not None else 0

        async with asyncio.timeout(5):
            while await used() != 2 * record.usage.audio_out:  # noqa: ASYNC110 - Redis has no signal for it
                await asyncio.sleep(0.02)


async def test_a_broker_dies_in_each_of_ten_turns() -> None:
    """Whenever that is: every word is heard once, and the memory is true."""
    async with scene_with(fake_of(), speed=8.0) as scene:
        for turn in range(1, 11):
            await scene.say()
            await asyncio.sleep(0.03 * turn)
            await scene.another_broker()
            if not scene.is_decided:
                await scene.again()
            await scene.whole(turn)
        await scene.true()
