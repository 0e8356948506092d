"""The fake model over a real socket, spoken to as the broker speaks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fakes.realtime.wire import server_faults
from tests.load.model import FakeModel
from tests.load.reactor import Reactor, Stream
from tests.load.websocket import TEXT, FrameReader, client_frame, upgrade_request
from tests.unit.load.tapes import append

PATIENCE_S = 20.0


class Broker:
    """A client of the fake model; what it hears stands in `events`."""

    def __init__(self, reactor: Reactor, model: FakeModel) -> None:
        self.events: list[dict[str, Any]] = []
        self._reactor = reactor
        self._reader = FrameReader()
        port = urlsplit(model.url).port or 0
        self.stream = Stream.connected(reactor, "127.0.0.1", port, self._take, lambda: None)
        self.stream.send(upgrade_request("127.0.0.1", "/"))
        self.until("session.created")

    def _take(self, data: bytes) -> None:
        self.events += [json.loads(payload) for opcode, payload in self._reader.feed(data) if opcode == TEXT]

    def say(self, **event: Any) -> None:
        """Send an event."""
        self.stream.send(client_frame(TEXT, json.dumps(event).encode()))

    def hear(self, pcm: bytes) -> None:
        """Append audio."""
        self.stream.send(client_frame(TEXT, append(0.0, pcm).event))

    def until(self, kind: str) -> dict[str, Any]:
        """Wait for an event of this kind and return it."""

        def found() -> bool:
            return any(event["type"] == kind for event in self.events)

        assert self._reactor.run_until(time.monotonic() + PATIENCE_S, found), f"no {kind}"
        return next(event for event in self.events if event["type"] == kind)


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    """A reactor that is closed afterwards."""
    made = Reactor()
    yield made
    made.close()


@pytest.fixture
def model(reactor: Reactor) -> Iterator[FakeModel]:
    """A fake model that is closed afterwards."""
    made = FakeModel(reactor)
    yield made
    made.close()


@pytest.fixture
def broker(reactor: Reactor, model: FakeModel) -> Iterator[Broker]:
    """A connected broker."""
    made = Broker(reactor, model)
    yield made
    made.stream.close()


def test_a_turn_is_noted_understood_and_answered(broker: Broker, model: FakeModel) -> None:
    """Audio and commit stand on the tape with their moments; the answer is complete and true to the official types."""
    broker.hear(bytes(960))
    broker.hear(bytes(480))
    broker.say(type="input_audio_buffer.commit")
    broker.until("conversation.item.input_audio_transcription.completed")
    (tape,) = model.tapes
    (turn,) = tape.turns
    assert len(turn.appends) == 2
    assert turn.committed_s >= turn.appends[1].at_s >= turn.appends[0].at_s
    broker.say(type="response.create", response={"metadata": {"reply": "1"}})
    assert broker.until("response.created")["response"]["metadata"] == {"reply": "1"}
    broker.until("response.output_audio.delta")
    assert [fault for event in broker.events for fault in server_faults(event)] == []
    assert tape.faults == []


def test_a_burst_comes_at_once_and_is_on_the_tape(broker: Broker, model: FakeModel) -> None:
    """Every second response arrives whole; the tape knows its length and that it was not live."""
    for _ in range(2):
        broker.events.clear()
        broker.say(type="response.create", response={})
        broker.until("response.output_audio.delta")
        if model.tapes[0].responses[-1].is_live:
            broker.say(type="response.cancel")
        broker.until("response.done")
    burst = next(response for response in model.tapes[0].responses if not response.is_live)
    live = next(response for response in model.tapes[0].responses if response.is_live)
    assert burst.deltas[-1][1] >= 3 * 24_000
    assert (burst.is_cancelled, live.is_cancelled) == (False, True)
    assert live.deltas[0][1] == 60 * 24


def test_truncation_is_confirmed_and_noted(broker: Broker, model: FakeModel) -> None:
    """The moment stands on the tape."""
    broker.say(type="conversation.item.truncate", item_id="item_r1", content_index=0, audio_end_ms=700)
    assert broker.until("conversation.item.truncated")["audio_end_ms"] == 700
    assert len(model.tapes[0].truncated_s) == 1


def test_an_event_that_it_does_not_know_is_a_fault(broker: Broker, model: FakeModel) -> None:
    """A broker that has learnt something new would be measured wrongly: the bench must say so."""
    broker.say(type="response.dance")
    broker.say(type="input_audio_buffer.clear")
    broker.until("input_audio_buffer.cleared")
    assert model.tapes[0].faults == ["the fake model does not know 'response.dance'"]
