"""The model's line: made again when it breaks, replaced before it expires, given up in plain words. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker import model_line
from services.broker.conversation import Conversation
from services.broker.faults import ModelRefused
from services.broker.model_line import APOLOGY_S, PAUSES_S, STEADY_S, TRIES, ModelLine
from services.broker.model_settings import ModelSettings
from services.broker.session import Thinking
from services.broker.upstream.capabilities import Capabilities
from services.common.errors import LimitFault, ModelFault, ParleyError
from tests.unit.broker.upstream.wire import settings
from tests.unit.engine.virtual_time import run

EPOCH_S = 1_000_000_000.0


class Socket:
    """A connection as the line sees it; a test ends it by `fault`, or sends events through `said`."""

    def __init__(self, lasts_s: float | None = None, **can: Any) -> None:
        self.expires_at_s: float | None = None
        self.capabilities = Capabilities(**can)
        self.lasts_s = lasts_s
        self.sent: list[dict[str, Any]] = []
        self.said: asyncio.Queue[dict[str, Any] | Exception] = asyncio.Queue()
        self.is_open = False
        self.opened_s = 0.0
        self.address = "ws://model"

    async def send(self, event: dict[str, Any]) -> None:
        """Take an event."""
        self.sent.append(event)

    async def watch(self, _freeze_s: float) -> None:
        """It lives, for all that is known."""
        await asyncio.Event().wait()

    async def run(self, handle: Callable[[dict[str, Any]], None]) -> None:
        """Say what the test wants said."""
        while True:
            said = await self.said.get()
            if isinstance(said, Exception):
                raise said
            handle(said)


class Exchange:
    """Where lines are dialled: each call gets the next of what it was given, then refusals."""

    def __init__(self, *given: Socket | Exception, takes_s: float = 0.0) -> None:
        self.given = list(given)
        self.made: list[Socket] = []
        self.dialled_s: list[float] = []
        self._takes_s = takes_s

    @asynccontextmanager
    async def session(self, _settings: ModelSettings) -> AsyncIterator[Socket]:
        """Stand in for `model_session`."""
        clock = asyncio.get_running_loop().time
        self.dialled_s.append(clock())
        await asyncio.sleep(self._takes_s)
        given = self.given.pop(0) if self.given else ModelFault("down")
        if isinstance(given, Exception):
            raise given
        given.opened_s, given.is_open = clock(), True
        if given.lasts_s is not None:
            given.expires_at_s = EPOCH_S + clock() + given.lasts_s
        self.made.append(given)
        try:
            yield given
        finally:
            given.is_open = False

    @property
    def open(self) -> list[Socket]:
        """Those that were not let go."""
        return [socket for socket in self.made if socket.is_open]


Play = Callable[[Exchange, Thinking, "asyncio.Task[None]"], Awaitable[None]]


def play(monkeypatch: pytest.MonkeyPatch, exchange: Exchange, steps: Play, *, is_taken_over: bool = False) -> Thinking:
    """Hold a line while a test's steps are taken, then let go of it; nothing may be left open."""

    async def hold() -> Thinking:
        loop = asyncio.get_running_loop()
        times = SimpleNamespace(monotonic=loop.time, time=lambda: EPOCH_S + loop.time())
        monkeypatch.setattr(model_line, "time", times)
        monkeypatch.setattr(model_line, "model_session", exchange.session)
        thinking = Thinking("s1", Conversation(), clock=loop.time, is_known=not is_taken_over)
        line = asyncio.create_task(ModelLine(thinking, settings()).run())
        await asyncio.sleep(0.001)
        await steps(exchange, thinking, line)
        line.cancel()
        with suppress(asyncio.CancelledError, ParleyError):
            await line
        return thinking

    thinking = run(hold())
    assert exchange.open == [], "a connection was left open"
    return thinking


def notices(thinking: Thinking) -> int:
    """How often the client was told that the model is away for a moment."""
    told = [response.notice.code for response in thinking.to_vad._control if response.HasField("notice")]
    return told.count(client.Notice.CODE_MODEL_RECONNECTING)


def apologies(thinking: Thinking) -> list[str]:
    """What the person was shown."""
    return [request.caption.text for request in thinking.mouth.outbox._audio if request.HasField("caption")]


@pytest.mark.parametrize("spins", range(12))
def test_a_cancellation_is_not_lost_when_the_line_breaks_that_moment(
    monkeypatch: pytest.MonkeyPatch, spins: int
) -> None:
    """However many steps of the loop lie between the two, no line is made again."""
    first, second = Socket(), Socket()

    async def steps(exchange: Exchange, thinking: Thinking, line: asyncio.Task[None]) -> None:
        first.said.put_nowait(ModelFault("gone"))
        for _ in range(spins):
            await asyncio.sleep(0)
        line.cancel()
        await asyncio.sleep(30)
        assert line.done()

    play(monkeypatch, Exchange(first, second), steps)


def test_a_line_that_breaks_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a short pause, and the client knows; what the core wants said goes to the new one."""
    first, second = Socket(), Socket()

    async def steps(exchange: Exchange, thinking: Thinking, line: asyncio.Task[None]) -> None:
        first.said.put_nowait(ModelFault("gone"))
        await asyncio.sleep(1)
        assert exchange.open == [second]
        thinking.from_vad(broker.RespondRequest(typed=broker.Typed(turn=1, text="hello")))
        await asyncio.sleep(0.1)
        assert [event["type"] for event in second.sent] == ["conversation.item.create", "response.create"]
        assert not line.done()

    thinking = play(monkeypatch, Exchange(first, second), steps)
    assert notices(thinking) == 1
    assert apologies(thinking) == ["hello"], "their own words, and no apology"


def take_over(thinking: Thinking) -> None:
    """Record, history and what egress holds are known by now: in them a turn that nobody has answered."""
    asked = session.HistoryItem(role=session.HistoryItem.ROLE_USER, text="a story", turn=1)
    thinking.mouth.hold(egress.Held())
    thinking.restore(session.SessionRecord(session="s1"), [asked])


def test_a_conversation_that_is_taken_over_has_its_line_made_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked of the model before it is known what went before."""
    socket = Socket()

    async def steps(exchange: Exchange, thinking: Thinking, line: asyncio.Task[None]) -> None:
        await asyncio.sleep(1)
        assert (exchange.open, socket.sent) == ([socket], [])
        take_over(thinking)
        await asyncio.sleep(0.1)
        assert [event["type"] for event in socket.sent][-1] == "response.create"
        assert not line.done()

    assert notices(play(monkeypatch, Exchange(socket), steps, is_taken_over=True)) == 0


def test_a_conversation_that_is_taken_over_is_not_given_up_at_the_first_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is in the middle of it waits for the model as after any loss, and is told so; a refusal is the end."""
    socket = Socket()

    async def steps(exchange: Exchange, thinking: Thinking, line: asyncio.Task[None]) -> None:
        await asyncio.sleep(1)
        assert len(exchange.dialled_s) == 1
        take_over(thinking)
        await asyncio.sleep(1)
        assert [event["type"] for event in socket.sent][-1] == "response.create"
        assert not line.done()

    assert notices(play(monkeypatch, Exchange(ModelFault("down"), socket), steps, is_taken_over=True)) == 1

    async def refused(_exchange: Exchange, thinking: Thinking, line: asyncio.Task[None]) -> None:
        take_over(thinking)
        with pytest.raises(ModelRefused):
            await line

    play(monkeypatch, Exchange(ModelRefused("bad key")), refused, is_taken_over=True)


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_pauses_grow_and_differ_by_chance(monkeypatch: pytest.MonkeyPatch, chance: float) -> None:
    """Each is half of its bound or more, so that a thousand sessions don't come back at once."""
    monkeypatch.setattr("random.uniform", lambda low, high: low + (high - low) * chance)
    exchange = Exchange(Socket())

    async def steps(exchange: Exchange, _thinking: Thinking, line: asyncio.Task[None]) -> None:
        exchange.made[0].said.put_nowait(ModelFault("gone"))
        with pytest.raises(ModelFault, match="could not be made again"):
            await line

    play(monkeypatch, exchange, steps)
    waits = [b - a for a, b in pairwise(exchange.dialled_s)]
    assert waits == pytest.approx([pause_s * (0.5 + chance / 2) for pause_s in PAUSES_S], abs=0.01)


def test_after_five_tries_the_person_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """In plain words and once, and then the session ends by a fault."""

    async def steps(exchange: Exchange, _thinking: Thinking, line: asyncio.Task[None]) -> None:
        exchange.made[0].said.put_nowait(ModelFault("gone"))
        with pytest.raises(ModelFault, match="down"):
            await line
        assert len(exchange.dialled_s) == 1 + TRIES

    thinking = play(monkeypatch, Exchange(Socket()), steps)
    assert apologies(thinking) == [f"Sorry, I have lost my connection and can't go on. {ModelFault.plain}"]
    assert notices(thinking) == 1


def test_the_apology_has_a_head_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes another way than the error that ends the session, and whoever is told that hears nothing more."""

    async def steps(exchange: Exchange, thinking: Thinking, line: asyncio.Task[None]) -> None:
        exchange.made[0].said.put_nowait(ModelFault("gone"))
        while not apologies(thinking):  # noqa: ASYNC110 - the clock is virtual
            await asyncio.sleep(0.01)
        await asyncio.sleep(APOLOGY_S - 0.02)
        assert not line.done()
        await asyncio.sleep(0.04)
        assert line.done()

    play(monkeypatch, Exchange(Socket()), steps)


def test_the_first_try_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that never began is refused at once: its client may try elsewhere."""

    async def steps(exchange: Exchange, _thinking: Thinking, line: asyncio.Task[None]) -> None:
        with pytest.raises(ModelFault, match="down"):
            await line
        assert len(exchange.dialled_s) == 1

    play(monkeypatch, Exchange(ModelFault("down")), steps)


def test_what_will_not_change_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """While connected, a refusal ends the session."""

    async def steps(exchange: Exchange, _thinking: Thinking, line: asyncio.Task[None]) -> None:
        exchange.made[0].said.put_nowait(ModelRefused("no money"))
        with pytest.raises(ModelRefused, match="no money"):
            await line
        assert len(exchange.dialled_s) == 1

    play(monkeypatch, Exchange(Socket(), Socket()), steps)


def test_a_refusal_while_connecting_again_is_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key was taken away meanwhile: the person is told, and it ends."""

    async def steps(exchange: Exchange, _thinking: Thinking, line: asyncio.Task[None]) -> None:
        exchange.made[0].said.put_nowait(ModelFault("gone"))
        with pytest.raises(ModelRefused, match="bad key"):
            await line
        assert len(exchange.dialled_s) == 2

    thinking = play(monkeypatch, Exchange(Socket(), ModelRefused("bad key"), Socket()), steps)
    assert len(apologies(thinking)) == 1
    assert apologies(thinking)[0].endswith(ModelRefused.plain), "why, the log says"


def test_a_fault_that_is_not_the_models_is_no_reason_to_dial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else of the ring does not read: the session ends by that."""

    async def steps(exchange: Exchange, _thinking: Thinking, line: asyncio.Task[None]) -> None:
        exchange.made[0].said.put_nowait(LimitFault("egress does not read"))
        with pytest.raises(LimitFault):
            await line
        assert len(exchange.dialled_s) == 1

    play(monkeypatch, Exchange(Socket(), Socket()), steps)


def test_lines_that_break_at_once_use_up_the_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes every call and drops it is no server."""
    sockets = [Socket() for _ in range(9)]
    for socket in sockets:
        socket.said.put_nowait(ModelFault("dropped"))

    async def steps(exchange: Exchange, _thinking: Thinking, line: asyncio.Task[None]) -> None:
        with pytest.raises(ModelFault, match="dropped"):
            await line
        assert len(exchange.dialled_s) == 1 + TRIES

    play(monkeypatch, Exchange(*sockets), steps)


@pytest.mark.parametrize("proof", ["time", "response"])
def test_a_good_line_gives_all_tries_back(monkeypatch: pytest.MonkeyPatch, proof: str) -> None:
    """One that has lasted, or has given a whole response."""
    sockets = [Socket() for _ in range(4)]

    async def steps(exchange: Exchange, _thinking: Thinking, line: asyncio.Task[None]) -> None:
        exchange.given[2:2] = [ModelFault("down")] * 3
        for socket in sockets[:3]:
            if proof == "time":
                await asyncio.sleep(STEADY_S + 1)
            else:
                socket.said.put_nowait({"type": "response.done", "response": {"id": "r", "status": "completed"}})
            socket.said.put_nowait(ModelFault("gone"))
            await asyncio.sleep(8)
            assert not line.done()
        assert exchange.open == [sockets[3]]

    play(monkeypatch, Exchange(*sockets), steps)


# Replacement.


def test_a_line_is_replaced_at_a_quiet_moment_before_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten minutes before its hour is over; the next one stands before it goes, and nobody is told."""
    first, second = Socket(3_600), Socket(3_600)

    async def steps(exchange: Exchange, _thinking: Thinking, line: asyncio.Task[None]) -> None:
        await asyncio.sleep(2_999)
        assert exchange.open == [first]
        await asyncio.sleep(2)
        assert exchange.open == [second]
        assert not line.done()

    thinking = play(monkeypatch, Exchange(first, second), steps)
    assert notices(thinking) == 0


def speak(thinking: Thinking) -> None:
    """The person begins to speak."""
    thinking.from_vad(broker.RespondRequest(speech_started=broker.SpeechStarted(turn=1)))


def dismiss(thinking: Thinking) -> None:
    """It was nothing."""
    thinking.from_vad(broker.RespondRequest(speech_dismissed=broker.SpeechDismissed(turn=1)))


def test_nobody_is_interrupted_by_a_replacement(monkeypatch: pytest.MonkeyPatch) -> None:
    """The successor waits until the person has finished."""
    first, second = Socket(3_600), Socket(3_600)

    async def steps(exchange: Exchange, thinking: Thinking, _line: asyncio.Task[None]) -> None:
        await asyncio.sleep(2_990)
        speak(thinking)
        await asyncio.sleep(30)
        assert exchange.open == [first, second]
        dismiss(thinking)
        await asyncio.sleep(0.2)
        assert exchange.open == [second]

    play(monkeypatch, Exchange(first, second), steps)


def test_late_a_moment_between_turns_is_good_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply may still be heard then: its sound is here already."""
    first, second = Socket(3_600), Socket(3_600)

    async def steps(exchange: Exchange, thinking: Thinking, _line: asyncio.Task[None]) -> None:
        await asyncio.sleep(2_990)
        monkeypatch.setattr(type(thinking.core), "is_quiet", property(lambda _core: False))
        await asyncio.sleep(270)
        assert exchange.open == [first, second]
        await asyncio.sleep(40)
        assert exchange.open == [second]

    play(monkeypatch, Exchange(first, second), steps)


def test_at_the_latest_any_moment_is_better_than_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute before the server would end it, in the middle of a word."""
    first, second = Socket(3_600), Socket(3_600)

    async def steps(exchange: Exchange, thinking: Thinking, _line: asyncio.Task[None]) -> None:
        await asyncio.sleep(2_900)
        speak(thinking)
        await asyncio.sleep(639)
        assert exchange.open == [first, second]
        await asyncio.sleep(2)
        assert exchange.open == [second]

    play(monkeypatch, Exchange(first, second), steps)


def test_a_successor_that_can_not_be_had_is_tried_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old line serves meanwhile."""
    first, second = Socket(3_600), Socket(3_600)

    async def steps(exchange: Exchange, _thinking: Thinking, line: asyncio.Task[None]) -> None:
        await asyncio.sleep(3_010)
        assert exchange.open == [first]
        await asyncio.sleep(40)
        assert exchange.open == [second]
        assert not line.done()

    play(monkeypatch, Exchange(first, ModelFault("full"), ModelFault("full"), second), steps)


def test_a_line_that_breaks_while_its_successor_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The conversation goes on by a third; none is left open."""
    first, second, third = Socket(3_600), Socket(3_600), Socket(3_600)

    async def steps(exchange: Exchange, thinking: Thinking, _line: asyncio.Task[None]) -> None:
        await asyncio.sleep(2_990)
        speak(thinking)
        await asyncio.sleep(30)
        first.said.put_nowait(ModelFault("gone"))
        await asyncio.sleep(2)
        assert exchange.open == [third]

    play(monkeypatch, Exchange(first, second, third), steps)


def test_a_session_that_ends_while_a_successor_waits_closes_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is paid for that nobody uses."""

    async def steps(exchange: Exchange, thinking: Thinking, _line: asyncio.Task[None]) -> None:
        await asyncio.sleep(2_990)
        speak(thinking)
        await asyncio.sleep(30)
        assert len(exchange.open) == 2

    play(monkeypatch, Exchange(Socket(3_600), Socket(3_600)), steps)


def test_a_session_that_ends_while_a_call_is_being_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call is let go of, too."""

    async def steps(exchange: Exchange, _thinking: Thinking, _line: asyncio.Task[None]) -> None:
        await asyncio.sleep(5.1)
        exchange.made[0].said.put_nowait(ModelFault("gone"))
        await asyncio.sleep(2)

    play(monkeypatch, Exchange(Socket(), Socket(), takes_s=5), steps)


def test_a_server_that_tells_no_time_is_taken_at_its_profiles_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connections last as long as the profile says."""
    first, second = Socket(max_session_s=400), Socket(max_session_s=400)

    async def steps(exchange: Exchange, _thinking: Thinking, _line: asyncio.Task[None]) -> None:
        await asyncio.sleep(299)
        assert exchange.open == [first]
        await asyncio.sleep(2)
        assert exchange.open == [second]

    play(monkeypatch, Exchange(first, second), steps)


def test_a_server_whose_clock_is_wrong_is_not_dialled_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """By ours its sessions have expired before they began: the profile's word counts instead."""

    async def steps(exchange: Exchange, _thinking: Thinking, line: asyncio.Task[None]) -> None:
        await asyncio.sleep(60)
        assert len(exchange.dialled_s) == 1
        assert not line.done()

    play(monkeypatch, Exchange(*[Socket(-5_000) for _ in range(50)]), steps)
