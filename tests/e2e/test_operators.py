"""Operators over the real ring: an application's own code makes the assistant speak, stop and hang up."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from clients.desktop import events
from local.child import ROOT
from parley.v1 import operator_service_pb2 as wire
from parley.v1 import operator_service_pb2_grpc as rpc
from parley.v1 import session_pb2
from tests.e2e.scene import Actor, Scene
from tests.e2e.scene import scene as open_scene
from tests.fakes import speech
from tests.fakes.realtime import Reply

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

TOKEN = "a-token-for-this-test-only"
WORDS = "Your taxi is waiting at the front door."
TAXI = Reply(seconds=1.5, text=WORDS)
ASSISTANT = session_pb2.HistoryItem.ROLE_ASSISTANT


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def two_doors() -> AsyncIterator[Scene]:
    """A ring with two ingresses that take operators' calls; people come to the first."""
    env = {"ingress": {"PARLEY_OPERATOR_TOKEN": TOKEN}}
    async with open_scene(env, copies={"ingress": 2}) as opened:
        yield opened


class Operator:
    """An application's code: it knows an ingress and the token."""

    def __init__(self, address: str, token: str = TOKEN) -> None:
        self.channel = grpc.aio.insecure_channel(address)
        self.metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self.stub: rpc.OperatorServiceAsyncStub = rpc.OperatorServiceStub(self.channel)

    async def say(self, session: str, text: str = WORDS, *, interrupt: bool = False, name: str = "") -> str:
        """Have something said; return its name."""
        request = wire.SayRequest(session=session, text=text, interrupt=interrupt, id=name)
        return (await self.stub.Say(request, metadata=self.metadata)).id

    async def interrupt(self, session: str) -> None:
        """Stop the assistant."""
        await self.stub.Interrupt(wire.InterruptRequest(session=session), metadata=self.metadata)

    async def end(self, session: str, reason: str) -> None:
        """Hang up."""
        await self.stub.End(wire.EndRequest(session=session, reason=reason), metadata=self.metadata)

    async def statistics(self) -> wire.StatisticsResponse:
        """Ask what the ingress has counted."""
        return await self.stub.Statistics(wire.StatisticsRequest(), metadata=self.metadata)


@asynccontextmanager
async def operator(scene: Scene, at: str = "ingress", token: str = TOKEN) -> AsyncIterator[Operator]:
    """Call an ingress."""
    calling = Operator(scene.ring.addresses[at], token)
    try:
        yield calling
    finally:
        await calling.channel.close()


async def session_of(actor: Actor) -> str:
    """The name that the client was given, which it would tell the application."""
    return (await actor.person.sees(events.Opened)).session


async def ask(actor: Actor) -> None:
    """Ask something after a moment of quiet."""
    actor.person.says(speech.silence(300), speech.say("Tell me about the weather tomorrow."))


def dictations(actor: Actor) -> list[str]:
    """The instructions of each request to the model."""
    creates = [record.event for record in actor.connection.received if record.type == "response.create"]
    return [str(event["response"].get("instructions", "")) for event in creates]


async def test_said_while_nobody_speaks(two_doors: Scene) -> None:
    """It is asked for word for word, heard whole, shown, and remembered as the assistant's; sent twice, said once."""
    async with two_doors.person([TAXI]) as actor, operator(two_doors) as calling:
        assert await calling.say(await session_of(actor), name="taxi") == "taxi"
        assert await calling.say(await session_of(actor), name="taxi") == "taxi"
        await actor.person.sees(events.ReplyPlayed, reply=1)
        await asyncio.sleep(0.5)
    (response,) = actor.responses
    actor.assert_whole(response)
    actor.assert_memory_is_true()
    assert dictations(actor) == [dictations(actor)[0]]
    assert dictations(actor)[0].endswith(f'"{WORDS}"')
    (shown,) = [caption for caption in actor.person.of(events.Caption) if caption.final]
    assert (shown.who, shown.text, shown.turn) == (events.Who.ASSISTANT, WORDS, 0)
    history = [(item.role, item.text, item.turn, item.interrupted) for item in await actor.history()]
    assert history == [(ASSISTANT, WORDS, 0, False)]


async def test_said_while_a_reply_is_heard_it_waits(two_doors: Scene) -> None:
    """The reply is heard to its end first; neither loses a sample."""
    async with two_doors.person([Reply(seconds=3), TAXI]) as actor, operator(two_doors) as calling:
        await ask(actor)
        await actor.person.hears(1, 500)
        await calling.say(await session_of(actor))
        await actor.person.sees(events.ReplyPlayed, reply=2)
        await asyncio.sleep(0.3)
    for response in actor.responses:
        actor.assert_whole(response)
    actor.assert_memory_is_true()
    assert actor.person.of(events.Flush) == []
    assert [item.turn for item in await actor.history()] == [1, 1, 0]


async def test_said_over_a_reply(two_doors: Scene) -> None:
    """With interrupt the reply falls silent, is remembered as far as it was heard, and the words come at once."""
    async with two_doors.person([Reply(seconds=10), TAXI], latency_ms=40) as actor, operator(two_doors) as calling:
        await ask(actor)
        await actor.person.hears(1, 1500)
        await calling.say(await session_of(actor), interrupt=True)
        await actor.person.sees(events.Silenced, reply=1)
        await actor.person.sees(events.ReplyPlayed, reply=2)
        await asyncio.sleep(0.3)
    actor.assert_whole(actor.responses[1])
    actor.assert_memory_is_true()
    cut, said = [item for item in await actor.history() if item.role == ASSISTANT]
    assert (cut.interrupted, said.interrupted, said.text) == (True, False, WORDS)


async def test_an_operator_stops_the_assistant(two_doors: Scene) -> None:
    """It falls silent, also with what was yet to be announced, and the model remembers what was heard."""
    async with two_doors.person([Reply(seconds=10)]) as actor, operator(two_doors) as calling:
        await ask(actor)
        await actor.person.hears(1, 1500)
        await calling.say(await session_of(actor))
        await calling.interrupt(await session_of(actor))
        await actor.person.sees(events.Silenced, reply=1)
        await asyncio.sleep(1.5)
        assert actor.person.of(events.State)[-1].activity == events.Activity.IDLE
    assert len(actor.responses) == 1
    actor.assert_memory_is_true()
    assert [item.interrupted for item in await actor.history() if item.role == ASSISTANT] == [True]


async def test_a_person_interrupts_an_announcement(two_doors: Scene) -> None:
    """They have the floor as over any reply, and are answered; the announcement is remembered as far as heard."""
    long = Reply(seconds=10, text=f"{WORDS} {WORDS}")
    async with two_doors.person([long, Reply(seconds=1)]) as actor, operator(two_doors) as calling:
        await calling.say(await session_of(actor))
        await actor.person.hears(1, 1500)
        await ask(actor)
        await actor.person.sees(events.Silenced, reply=1)
        await actor.person.sees(events.ReplyPlayed, reply=2)
        await asyncio.sleep(0.3)
    actor.assert_memory_is_true()
    actor.assert_whole(actor.responses[1])
    assert [(item.role == ASSISTANT, item.interrupted) for item in await actor.history()] == [
        (True, True),
        (False, False),
        (True, False),
    ]


async def test_an_operator_hangs_up(two_doors: Scene) -> None:
    """The client is told the reason, it is no error, and afterwards the session is unknown at both doors."""
    async with two_doors.person() as actor, operator(two_doors) as calling, operator(two_doors, "ingress-2") as far:
        session = await session_of(actor)
        await calling.end(session, "The shop closes now.")
        closed = await actor.person.sees(events.Closed)
        assert closed.reason == "The shop closes now."
        assert actor.person.of(events.ServerError) == []
        await asyncio.sleep(0.2)
        for door in (calling, far):
            with pytest.raises(grpc.aio.AioRpcError) as unknown:
                await door.say(session)
            assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("token", ["", "not-the-token-of-this-ring"])
async def test_nobody_else_is_an_operator(two_doors: Scene, token: str) -> None:
    """Without the token nothing happens to the conversation, and the refusal is counted."""
    async with (
        two_doors.person([TAXI]) as actor,
        operator(two_doors) as calling,
        operator(two_doors, token=token) as stranger,
    ):
        before = (await calling.statistics()).counters["operator_calls_refused"]
        session = await session_of(actor)
        for attempt in (stranger.say(session), stranger.interrupt(session), stranger.end(session, "")):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await attempt
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
            assert "PARLEY_OPERATOR_TOKEN" in (refused.value.details() or "")
        told = await calling.statistics()
        assert told.sessions == 1
        assert told.counters["operator_calls_refused"] == before + 3
        assert actor.person.of(events.Closed) == []
        assert actor.responses == []


async def test_without_a_token_set_there_are_no_operators(scene: Scene) -> None:
    """A ring as it comes refuses every operator, and says what to set."""
    async with operator(scene) as calling:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await calling.statistics()
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "set PARLEY_OPERATOR_TOKEN" in (refused.value.details() or "")


async def test_a_session_that_never_was(two_doors: Scene) -> None:
    """It is unknown, and the words name it."""
    async with operator(two_doors) as calling:
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await calling.interrupt("0" * 32)
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
    assert "0" * 32 in (unknown.value.details() or "")


async def test_any_ingress_takes_the_call(two_doors: Scene) -> None:
    """One that does not hold the session passes every kind of call on; what is wrong with it comes back as it is."""
    async with two_doors.person([TAXI, Reply(seconds=10)]) as actor, operator(two_doors, "ingress-2") as calling:
        session = await session_of(actor)
        await calling.say(session)
        await actor.person.sees(events.ReplyPlayed, reply=1)
        await calling.say(session, "A long one.")
        await actor.person.hears(2, 500)
        await calling.interrupt(session)
        await actor.person.sees(events.Silenced, reply=2)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await calling.say(session, " ")
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert (await calling.statistics()).sessions == 0
        await calling.end(session, "Good night.")
        assert (await actor.person.sees(events.Closed)).reason == "Good night."
    actor.assert_memory_is_true()


async def test_the_example_of_the_documents(two_doors: Scene, tmp_path: Path) -> None:
    """What docs/operators.md shows runs as it stands there; a wrong token is one line that says what to do."""
    code = (ROOT / "docs" / "operators.md").read_text().split("```python\n")[1].split("```")[0]
    assert len(code.splitlines()) <= 20
    (tmp_path / "say.py").write_text(code)

    async def run(token: str, session: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, tmp_path / "say.py", two_doors.ring.ingress, token, session, WORDS),
            env={"PYTHONPATH": str(ROOT / "protos" / "gen")},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode, output.decode().strip()

    async with two_doors.person([TAXI]) as actor:
        session = await session_of(actor)
        assert await run(TOKEN, session) == (0, "taxi-17 is on its way")
        await actor.person.sees(events.ReplyPlayed, reply=1)
        code_, words = await run("wrong", session)
    assert code_ == 1
    assert words.startswith("UNAUTHENTICATED: ")
    assert len(words.splitlines()) == 1


async def test_a_typed_turn_between_announcements(two_doors: Scene) -> None:
    """What the client types is answered as ever, and cuts an announcement off."""
    replies = [Reply(seconds=10), Reply(seconds=1), TAXI]
    async with two_doors.person(replies) as actor, operator(two_doors) as calling:
        await calling.say(await session_of(actor))
        await actor.person.hears(1, 800)
        actor.person.types("who is it?")
        await actor.person.sees(events.ReplyPlayed, reply=2)
        await calling.say(await session_of(actor))
        await actor.person.sees(events.ReplyPlayed, reply=3)
        await asyncio.sleep(0.3)
    actor.assert_memory_is_true()
    assert [item.text for item in await actor.history()][1] == "who is it?"
    assert [bool(words) for words in dictations(actor)] == [True, False, True]
