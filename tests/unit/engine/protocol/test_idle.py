"""The idle timeout: a person who says nothing after a reply is spoken to."""

from __future__ import annotations

from datetime import datetime

import pytest

from services.engine.parts import PartError
from services.engine.protocol.events import Answer, AwaitSpeech, StopAwaiting
from tests.unit.engine.protocol.client import Client, kinds, only, silence, voice

WAITS = {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000}}}}


@pytest.fixture
def client() -> Client:
    client = Client(session=WAITS)
    client.append(silence(1000))
    client.spoken()  # of one second
    return client


def test_the_wait_begins_when_the_reply_has_been_played(client: Client) -> None:
    """Its second of playback, and then the timeout."""
    assert client.done[-1] == AwaitSpeech(7.0)


def test_silence_is_committed_and_answered(client: Client) -> None:
    """The silence after the reply's playback becomes an item, and a response follows by itself."""
    client.update(**{"type": "realtime", "audio": {"input": {"transcription": {"model": "x"}}}})
    client.spoken()
    client.append(silence(7000))
    events = client.take(client.core.idle())
    assert kinds(events) == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
    ]
    triggered = events[0]
    assert (triggered["audio_start_ms"], triggered["audio_end_ms"]) == (2000, 8000)
    assert triggered["item_id"] == events[1]["item_id"]
    assert only(events, "conversation.item.input_audio_transcription.completed")["transcript"] == ""
    response_id = events[-1]["response"]["id"]
    assert client.done[-1] == Answer(response_id)
    response = client.core.response(response_id)
    assert response is not None
    lines = client.core.context(response, datetime(2027, 1, 1)).lines
    assert [line.speaker for line in lines] == ["assistant", "assistant"]  # silence is not a line


def test_speech_ends_the_wait(client: Client) -> None:
    """Whoever speaks is not waited for; the next reply is followed by a wait again."""
    client.append(voice(300))
    assert StopAwaiting() in client.done
    assert client.core.idle() == []
    client.append(silence(700))
    client.finish(only(client.send("response.cancel"), "response.done")["response"]["id"])
    client.spoken()
    assert client.done[-1] == AwaitSpeech(7.0)


def test_a_response_ends_the_wait(client: Client) -> None:
    """A client that asks for a response itself has not gone silent."""
    client.respond()
    assert client.done[-2] == StopAwaiting()
    assert client.core.idle() == []


def test_however_a_reply_ends_the_person_is_waited_for(client: Client) -> None:
    """A reply that was cancelled, reached its limit or failed is over, too; out of band nothing is waited for."""
    client.respond()
    client.send("response.cancel")
    assert client.done[-1] == AwaitSpeech(6.0)
    client.speak(client.respond(max_output_tokens=5), ("one", 0.5))
    assert client.done[-1] == AwaitSpeech(6.5)
    client.take(client.core.fail(client.respond(), PartError("failed", "x")))
    assert client.done[-1] == AwaitSpeech(6.0)
    client.finish(client.respond(conversation="none"))
    assert isinstance(client.done[-1], Answer)


def test_nobody_waits_without_a_timeout() -> None:
    """Without the setting, or without turn detection, a reply is followed by nothing."""
    client = Client()
    client.spoken()
    assert not [action for action in client.done if isinstance(action, AwaitSpeech)]
