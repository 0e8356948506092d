"""The summary: a few sentences of the model's own about a session that is over, or none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from parley.v1 import session_pb2 as wire
from services.broker import summary
from services.broker.model_settings import ModelSettings
from services.broker.summary import MOST_CHARACTERS, ORDER, PATIENCE_S, summarise
from services.common.errors import ModelFault
from tests.fakes.realtime.wire import client_faults
from tests.unit.broker.upstream.wire import TOOL, settings
from tests.unit.engine.virtual_time import run

USER, ASSISTANT, ROLE_TOOL = wire.HistoryItem.ROLE_USER, wire.HistoryItem.ROLE_ASSISTANT, wire.HistoryItem.ROLE_TOOL
TALK = [
    wire.HistoryItem(role=USER, text="a table for two"),
    wire.HistoryItem(role=ROLE_TOOL, tool=wire.ToolCall(name="book", output="{}")),
    wire.HistoryItem(role=USER, text=""),
    wire.HistoryItem(role=ASSISTANT, text="done"),
]


def written(*texts: str) -> dict[str, Any]:
    """A response with these parts."""
    content = [{"type": "output_text", "text": each} for each in texts]
    return {"type": "response.done", "response": {"status": "completed", "output": [{"content": content}]}}


class Socket:
    """A session that answers what it is asked with these events, then goes silent or ends."""

    def __init__(self, *events: dict[str, Any], ends: bool = False) -> None:
        self.sent: list[dict[str, Any]] = []
        self.used: list[ModelSettings] = []
        self._asked = asyncio.Event()
        self._events = events
        self._ends = ends

    @asynccontextmanager
    async def session(self, used: ModelSettings) -> AsyncIterator[Socket]:
        """Stand in for `model_session`."""
        self.used.append(used)
        yield self

    async def send(self, event: dict[str, Any]) -> None:
        """Take an event."""
        assert client_faults(event) == []
        self.sent.append(event)
        self._asked.set()

    async def run(self, handle: Callable[[dict[str, Any]], None]) -> None:
        """Answer."""
        await self._asked.wait()
        for event in self._events:
            handle(event)
        if self._ends:
            raise ModelFault("gone")
        await asyncio.Event().wait()


def summary_of(
    monkeypatch: pytest.MonkeyPatch,
    socket: Socket,
    talk: list[wire.HistoryItem] = TALK,
    chosen: ModelSettings | None = None,
) -> str | None:
    """Have a talk summed up."""
    monkeypatch.setattr(summary, "model_session", socket.session)
    return run(summarise(chosen or settings(), "s1", talk))


def test_the_talk_is_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one request outside any conversation, for text, by a session without tools."""
    socket = Socket({"type": "response.created"}, written("They booked", "a table."), written("more"))
    chosen = replace(settings(), tools=(TOOL,))
    assert summary_of(monkeypatch, socket, chosen=chosen) == "They booked a table."
    assert len(socket.sent) == 1
    response = socket.sent[0]["response"]
    assert (response["conversation"], response["output_modalities"]) == ("none", ["text"])
    assert response["instructions"] == ORDER
    assert response["input"][0]["content"][0]["text"] == "Person: a table for two\nAssistant: done"
    assert socket.used[0].tools == ()


@pytest.mark.parametrize(
    "socket",
    [
        Socket(ends=True),
        Socket({"type": "error", "error": {"message": "no"}}),
        Socket(written()),
        Socket({"type": "response.done"}),
        Socket({"type": "response.done", "response": {"output": [7, {"content": "x"}]}}),
    ],
)
def test_a_model_that_can_not_say_is_left_alone(monkeypatch: pytest.MonkeyPatch, socket: Socket) -> None:
    """Its end, a refusal, nothing, or nonsense: the report goes without."""
    assert summary_of(monkeypatch, socket) is None


def test_a_model_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report goes without."""

    async def timed() -> float:
        monkeypatch.setattr(summary, "model_session", Socket().session)
        assert await summarise(settings(), "s1", TALK) is None
        return asyncio.get_running_loop().time()

    assert run(timed()) == pytest.approx(PATIENCE_S, abs=0.1)


def test_nothing_said_needs_no_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is not even called."""
    socket = Socket(written("x"))
    assert summary_of(monkeypatch, socket, [wire.HistoryItem(role=USER, text="")]) is None
    assert socket.used == []


def test_a_server_that_answers_only_in_a_conversation_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would speak."""
    chosen = settings()
    server = replace(chosen.server, capabilities=replace(chosen.server.capabilities, out_of_band=False))
    socket = Socket(written("x"))
    assert summary_of(monkeypatch, socket, chosen=replace(chosen, server=server)) is None
    assert socket.used == []


def test_of_a_long_talk_the_end_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much as the model can take."""
    socket = Socket(written("long"))
    talk = [wire.HistoryItem(role=USER, text="x" * 1_000) for _ in range(100)]
    talk.append(wire.HistoryItem(role=ASSISTANT, text="the end"))
    assert summary_of(monkeypatch, socket, talk) == "long"
    told = socket.sent[0]["response"]["input"][0]["content"][0]["text"]
    assert len(told) == MOST_CHARACTERS
    assert told.endswith("Assistant: the end")
