"""The operators' door: who may, what is taken, and what becomes of it in the session."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import grpc
import pytest

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import operator_service_pb2 as wire
from parley.v1 import session_pb2, stream_pb2
from parley.v1 import vad_service_pb2 as vad
from services.common.channels import Channels
from services.common.errors import SettingsFault, StoreLost
from services.common.settings import Environment
from services.common.store import SessionGoesOn, Store
from services.ingress.call import Calls
from services.ingress.farewell import WORDS
from services.ingress.operator_settings import OperatorSettings
from services.ingress.operators import FORWARDED, OperatorServer
from services.ingress.session import Session
from tests.unit.ingress.test_session import drained, session

TOKEN = "0123456789abcdef"
NAME = "5e55107" * 4
Status = grpc.StatusCode
OPERATOR = client.Closed.CODE_OPERATOR


class Aborted(Exception):
    """What gRPC raises to end a call."""

    def __init__(self, status: Status, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass
class Context:
    """A caller: what it shows, and how it is refused."""

    metadata: tuple[tuple[str, str], ...]

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """What was sent along."""
        return self.metadata

    async def abort(self, status: Status, words: str) -> NoReturn:
        """End the call."""
        raise Aborted(status, words)


@dataclass
class Records:
    """A store that counts how often it is asked."""

    record: session_pb2.SessionRecord | None = None
    away: bool = False
    asked: int = 0
    kept: set[str] = field(default_factory=lambda: {"over"})
    """Sessions that are over and remembered."""

    async def read_record(self, session: str) -> session_pb2.SessionRecord | None:
        """Return the record."""
        self.asked += 1
        if self.away:
            raise StoreLost("Redis could not read a record: connection refused.")
        return self.record

    async def delete(self, session: str) -> bool:
        """Delete what is remembered; of "far" it is known that it goes on."""
        self.asked += 1
        if self.away:
            raise StoreLost("Redis could not delete a session: connection refused.")
        if session == "far":
            raise SessionGoesOn(session)
        known = session in self.kept
        self.kept.discard(session)
        return known


@dataclass
class Running:
    """The sessions of one ingress."""

    sessions: dict[str, Session]
    address: str = "127.0.0.1:7700"
    counters: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.sessions)

    find = Calls.find
    statistics = Calls.statistics

    @property
    def _lives(self) -> dict[str, Any]:
        return {name: SimpleNamespace(session=each) for name, each in self.sessions.items()}


class Door:
    """The door of an ingress with one session, and an operator before it."""

    def __init__(self, token: str = TOKEN) -> None:
        self.session = session()
        self.calls = Running({NAME: self.session})
        self.store = Records()
        self.server = OperatorServer(cast("Calls", self.calls), cast("Store", self.store), Channels(), token)

    async def ask(self, request: Any, shown: str = f"Bearer {TOKEN}", *more: tuple[str, str]) -> Any:
        """Call the method that takes this request. Raises Aborted."""
        method = getattr(self.server, type(request).__name__.removesuffix("Request"))
        return await method(request, Context((("authorization", shown), *more) if shown else more))

    async def refusal(self, request: Any, *how: Any) -> tuple[Status, str]:
        """The status and the words with which a call is refused."""
        with pytest.raises(Aborted) as refused:
            await self.ask(request, *how)
        return refused.value.status, str(refused.value)

    async def to_vad(self) -> list[str]:
        """The kinds of what goes to vad."""
        return [message.WhichOneof("message") for message in await drained(self.session.to_vad)]


def say(text: str = "Your taxi is here.", **fields: Any) -> wire.SayRequest:
    """A request to speak."""
    return wire.SayRequest(session=NAME, text=text, **fields)


REQUESTS = [
    say(),
    wire.InterruptRequest(session=NAME),
    wire.EndRequest(session=NAME),
    wire.StatisticsRequest(),
    wire.ForgetRequest(session="over"),
    say(""),
    wire.InterruptRequest(session="unknown"),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ü"])
async def test_without_the_token_nobody_learns_or_does_anything(request_: Any, shown: str) -> None:
    """Every method, every wrong token, whether there is such a session or not: the same words, without asking Redis."""
    door = Door()
    status, words = await door.refusal(request_, shown)
    assert status is Status.UNAUTHENTICATED
    assert "authorization: Bearer" in words
    assert door.store.asked == 0
    assert await door.to_vad() == []
    assert door.calls.counters == {"operator_calls_refused": 1}


@pytest.mark.parametrize("shown", ["", "Bearer ", f"Bearer {TOKEN}"])
async def test_an_ingress_without_a_token_takes_no_operators(shown: str) -> None:
    """An empty token is nobody's token; the words say what to set."""
    door = Door(token="")
    status, words = await door.refusal(say(), shown)
    assert status is Status.FAILED_PRECONDITION
    assert "PARLEY_OPERATOR_TOKEN" in words


async def test_words_go_to_vad_once_under_their_name() -> None:
    """A call that is repeated, as after a lost answer, neither speaks nor interrupts a second time."""
    door = Door()
    for _ in range(2):
        assert (await door.ask(say(" Hello. ", id="x", interrupt=True))).id == "x"
    interrupt, announcement = await drained(door.session.to_vad)
    assert interrupt.HasField("operator_interrupt")
    assert announcement.announcement == session_pb2.Announcement(id="x", text="Hello.")


async def test_words_without_a_name_get_one() -> None:
    """Two such calls are two announcements."""
    door = Door()
    first, second = await door.ask(say()), await door.ask(say())
    assert first.id != second.id
    assert await door.to_vad() == ["announcement", "announcement"]


async def test_a_name_is_one_sessions() -> None:
    """The same name in another session is news there."""
    door = Door()
    other = door.calls.sessions["other"] = session()
    await door.ask(say(id="x"))
    await door.ask(wire.SayRequest(session="other", text="Hello.", id="x"))
    assert len(await drained(other.to_vad)) == 1


async def test_an_interrupt_goes_to_vad_and_an_end_to_the_client() -> None:
    """The client is told why; without a reason it is told who."""
    door = Door()
    await door.ask(wire.InterruptRequest(session=NAME))
    await door.ask(wire.EndRequest(session=NAME, reason="The shop closes."))
    assert await door.to_vad() == ["operator_interrupt"]
    (last,) = await drained(door.session.to_client)
    assert last == client.ConverseResponse(closed=client.Closed(reason="The shop closes.", code=OPERATOR))
    other = Door()
    await other.ask(wire.EndRequest(session=NAME))
    (last,) = await drained(other.session.to_client)
    assert last == client.ConverseResponse(closed=client.Closed(reason=WORDS[OPERATOR], code=OPERATOR))


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        (say(""), "text"),
        (say(" \n "), "text"),
        (say("x" * 4_001), "text"),
        (say(id="x" * 65), "id"),
        (say(id="two\nlines"), "id"),
        (wire.EndRequest(session=NAME, reason="x" * 501), "reason"),
        (wire.InterruptRequest(), "session"),
        (wire.InterruptRequest(session="{a}:b"), "session"),
        (wire.InterruptRequest(session="x" * 65), "session"),
    ],
)
async def test_what_can_not_be_carried_out_is_refused(request_: Any, what: str) -> None:
    """The words name the field, and Redis is not asked."""
    door = Door()
    status, words = await door.refusal(request_)
    assert status is Status.INVALID_ARGUMENT
    assert f"`{what}`" in words
    assert door.store.asked == 0


async def test_the_longest_text_is_taken() -> None:
    """4000 characters of any script."""
    door = Door()
    await door.ask(say("語" * 4_000))
    assert await door.to_vad() == ["announcement"]


@pytest.mark.parametrize("ingress", [None, "", "127.0.0.1:7700"])
async def test_a_session_that_nobody_holds_is_unknown(ingress: str | None) -> None:
    """There is no record, or one that names this ingress, which knows that the session is over."""
    door = Door()
    door.store.record = None if ingress is None else session_pb2.SessionRecord(session="gone", ingress=ingress)
    status, words = await door.refusal(wire.InterruptRequest(session="gone"))
    assert status is Status.NOT_FOUND
    assert "gone" in words
    assert door.store.asked == 1


async def test_a_session_that_is_ending_is_over() -> None:
    """Nobody would carry it out any more."""
    door = Door()
    await door.ask(wire.EndRequest(session=NAME))
    assert (await door.refusal(say()))[0] is Status.NOT_FOUND


async def test_a_call_is_passed_on_once_only() -> None:
    """Two ingresses that each believe that the other holds the session don't play ball with it."""
    door = Door()
    door.store.record = session_pb2.SessionRecord(session="far", ingress="127.0.0.1:1")
    status, _ = await door.refusal(wire.InterruptRequest(session="far"), f"Bearer {TOKEN}", (FORWARDED, "1"))
    assert status is Status.NOT_FOUND
    assert door.store.asked == 0


async def test_without_redis_only_the_sessions_here_can_be_reached() -> None:
    """The others are unavailable, not unknown: the operator should try again."""
    door = Door()
    door.store.away = True
    await door.ask(say())
    status, words = await door.refusal(wire.InterruptRequest(session="far"))
    assert status is Status.UNAVAILABLE
    assert "Redis" in words


async def test_a_session_that_is_over_is_forgotten_once() -> None:
    """Whichever ingress is asked; then there is nothing of it any more."""
    door = Door()
    await door.ask(wire.ForgetRequest(session="over"))
    assert door.store.kept == set()
    assert door.calls.counters["operator_forgets"] == 1
    assert (await door.refusal(wire.ForgetRequest(session="over")))[0] is Status.NOT_FOUND
    assert door.calls.counters["operator_forgets"] == 1


async def test_a_session_that_goes_on_is_not_forgotten() -> None:
    """Here, in its last moments too, or elsewhere: it is to be ended first."""
    door = Door()
    for name in (NAME, "far"):
        status, words = await door.refusal(wire.ForgetRequest(session=name))
        assert status is Status.FAILED_PRECONDITION
        assert "end it first" in words
    await door.ask(wire.EndRequest(session=NAME))
    assert (await door.refusal(wire.ForgetRequest(session=NAME)))[0] is Status.FAILED_PRECONDITION
    door.store.away = True
    assert (await door.refusal(wire.ForgetRequest(session="over")))[0] is Status.UNAVAILABLE
    assert (await door.refusal(wire.ForgetRequest(session="o v e r")))[0] is Status.INVALID_ARGUMENT


async def test_words_wait_for_a_vad_that_takes_over() -> None:
    """While there is none they are kept; what an operator takes back is not said by the next one."""
    door = Door()
    door.session.dial_vad(stream_pb2.StreamOpen(dial=2))
    await door.ask(say("One.", id="1"))
    await door.ask(wire.InterruptRequest(session=NAME))
    await door.ask(say("Two.", id="2"))
    door.session.from_vad(vad.ListenResponse(ready=stream_pb2.StreamReady()))
    announcement, interrupt = await drained(door.session.to_vad)
    assert announcement.announcement.id == "2"
    assert interrupt.HasField("operator_interrupt")


async def test_statistics_hold_the_running_sessions_too() -> None:
    """What has ended and what goes on are one sum; asking changes nothing of it."""
    door = Door()
    door.calls.counters["sessions"] = 3
    door.session.counters["replies_flushed"] = 2
    await door.ask(say())
    told = [await door.ask(wire.StatisticsRequest()) for _ in range(2)][-1]
    assert told.sessions == 1
    assert dict(told.counters) == {
        "sessions": 3,
        "replies_flushed": 2,
        "operator_announcements": 1,
        "operator_calls": 3,
    }


@pytest.mark.parametrize("token", ["short", "x" * 257, "with a space in it", "nöt all of it is ASCII"])
def test_a_token_that_is_easily_guessed_or_mangled_is_no_setting(token: str) -> None:
    """The fault says what to do, and does not show the token."""
    with pytest.raises(SettingsFault, match="openssl") as fault:
        OperatorSettings.read(Environment({"PARLEY_OPERATOR_TOKEN": token}))
    assert token not in fault.value.message


def test_settings() -> None:
    """Both are optional; the token is not shown by accident."""
    assert OperatorSettings.read(Environment({})) == OperatorSettings("", "")
    env = {"PARLEY_OPERATOR_TOKEN": TOKEN, "PARLEY_ADVERTISE": "10.0.0.7:7700"}
    settings = OperatorSettings.read(Environment(env))
    assert (settings.token, settings.advertise) == (TOKEN, "10.0.0.7:7700")
    assert TOKEN not in repr(settings)
    with pytest.raises(SettingsFault, match="PARLEY_ADVERTISE"):
        OperatorSettings.read(Environment({"PARLEY_ADVERTISE": "here"}))
