"""Interrupted replies: each that was tried counts, whatever became of it."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from parley.v1 import session_pb2
from tests.clients.failures import ClientLost
from tests.clients.kinds import KINDS
from tests.clients.silences import LOOKAHEAD_SAMPLES, Silences, apart, heard_in, measure_silence
from tests.clients.sound_track import SoundTrack
from tests.clients.stage import Stage
from tests.fakes.position_code import Run
from tests.fakes.realtime import Response
from tests.unit.engine.virtual_time import run

HEARD = 2400


def response(reply: int, believed: int = HEARD) -> Response:
    """Return a response that the model believes to have been heard so far."""
    item = SimpleNamespace(believed_samples=believed)
    return cast(Response, SimpleNamespace(track=reply, metadata={"reply": str(reply)}, items=[item]))


def item(reply: int, heard_ms: int = HEARD // 24) -> session_pb2.HistoryItem:
    """Return what history has of a reply."""
    return session_pb2.HistoryItem(reply=reply, heard_ms=heard_ms)


class Scripted:
    """A stage and its clients: each reply is heard, the stop key heeded at once, and 10 ms later it is silent.

    `fails`: what happens in place of a reply, by its number. `opens`: whether clients can be started at all.
    """

    def __init__(self, fails: dict[int, BaseException] | None = None, *, opens: bool = True) -> None:
        self.fails, self.opens = fails or {}, opens
        self.fake = SimpleNamespace(responses=list[Response]())
        self.verdicts = SimpleNamespace(between=lambda moment_s, until_s, session: moment_s)
        self.clients = self.rounds = 0
        self.happenings: list[Any] = []
        self.track = SoundTrack()
        self.session = "s"

    @asynccontextmanager
    async def client(self, *_: object, **__: object) -> AsyncIterator[Scripted]:
        """Start a client."""
        self.clients += 1
        if not self.opens:
            raise TimeoutError("it does not open")
        self.track = SoundTrack()
        yield self

    async def begins_a_reply(self, words: str) -> int:
        """Answer."""
        self.rounds += 1
        if problem := self.fails.get(self.rounds):
            raise problem
        self.fake.responses.append(response(self.rounds))
        return self.rounds

    def tell(self, command: str) -> None:
        """Fall silent."""
        self.track.add(time.monotonic(), b"\1\0" * 240 + bytes(480))

    async def sees(self, *kinds: str, after: int = 0) -> dict[str, Any]:
        """Say so."""
        return {"event": "silenced"}

    async def quit(self) -> None:
        """Hang up."""

    async def history(self, session: str) -> list[session_pb2.HistoryItem]:
        """Return an item for each reply."""
        return [item(each.track) for each in self.fake.responses]

    def decode(self, pcm: bytes, responses: Sequence[Response]) -> list[Run]:
        """Return what was heard."""
        return [Run(each.track, 0, HEARD, 0, 0.0) for each in responses]

    def measure(self, rounds: int, *, exact: bool = True) -> Silences:
        """Measure."""
        return run(measure_silence(cast(Stage, self), KINDS[0], None, rounds, exact=exact))


def test_every_round_has_its_figures() -> None:
    """Silence and truth, one of each."""
    found = Scripted().measure(4)
    assert found.silent_ms == pytest.approx([10] * 4, abs=5)
    assert found.apart_ms == [0] * 4
    assert found.problems == []


@pytest.mark.parametrize("problem", [TimeoutError(), ClientLost("it has ended")])
def test_a_round_that_failed_is_missed_and_another_client_goes_on(problem: BaseException) -> None:
    """It is not left out: what was tried is told, and counts as endless."""
    stage = Scripted({3: problem})
    found = stage.measure(5)
    assert [math.isinf(each) for each in found.silent_ms] == [False, False, True, False, False]
    assert [math.isinf(each) for each in found.apart_ms] == [False, False, True, False, False]
    assert (found.tried, stage.clients, len(found.problems)) == (5, 2, 1)


def test_clients_that_cannot_be_started_miss_everything() -> None:
    """After three of them no more are tried, but all rounds count."""
    stage = Scripted(opens=False)
    found = stage.measure(150)
    assert found.silent_ms == found.apart_ms == [math.inf] * 150
    assert (stage.clients, len(found.problems)) == (3, 3)


def test_a_decision_that_was_never_made_is_missed() -> None:
    """The next round's is not taken for it."""
    stage = Scripted()
    stage.verdicts.between = lambda moment_s, until_s, session: moment_s if until_s == math.inf else None
    assert [math.isinf(each) for each in stage.measure(3).silent_ms] == [True, True, False]


def test_the_worse_of_history_and_memory_counts() -> None:
    """In ms; a reply without an item, with two, or that nobody heard is missed."""
    assert apart(HEARD, [response(7)], [item(7, 90), item(8, 5)], 7) == 10
    assert apart(HEARD, [response(7, believed=HEARD + 480)], [item(7)], 7) == 20
    for items in ([], [item(7), item(7)]):
        assert apart(HEARD, [response(7)], items, 7) == math.inf
    assert apart(0, [response(7)], [item(7)], 7) == math.inf
    assert apart(HEARD, [], [item(7)], 7) == math.inf


def test_what_was_heard_ends_with_the_last_sample_of_the_reply() -> None:
    """Of another one, or of none, it is nothing."""
    runs = [Run(7, 0, HEARD, 0, 0.0), Run(7, HEARD, 100, HEARD, 0.0), Run(8, 0, 9, 5_000, 0.0)]
    assert heard_in(runs, response(7)) == HEARD + 100
    assert heard_in(runs, response(9)) == heard_in(runs, None) == 0


def test_a_coded_reply_was_heard_as_long_as_it_sounded() -> None:
    """Less what its encoder looked ahead; so history is held against it, too."""
    stage = Scripted()
    found = stage.measure(3, exact=False)
    assert found.problems == []
    assert found.silent_ms == pytest.approx([10] * 3, abs=5)
    assert found.apart_ms == [(HEARD - (240 - LOOKAHEAD_SAMPLES)) / 24] * 3
