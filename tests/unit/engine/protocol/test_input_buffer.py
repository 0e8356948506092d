"""The input audio buffer where the client ends its turns."""

from __future__ import annotations

import base64
import json

import pytest

from services.engine.protocol.events import Forget, Hear, Listen, Understand
from tests.unit.engine.protocol.client import MANUAL, Client, kinds, silence


@pytest.fixture
def client() -> Client:
    return Client(session=MANUAL)


def test_turn_is_heard_and_committed(client: Client) -> None:
    """Audio goes to the recogniser as it comes; a commit makes an item and asks for its words."""
    assert client.append(silence(200)) == []
    events = client.send("input_audio_buffer.commit")
    assert kinds(events) == ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    item_id = events[0]["item_id"]
    assert client.done == [Listen(item_id, "", ""), *[Hear(item_id, silence(100))] * 2, Understand(item_id)]
    client.append(silence(200))
    assert client.send("input_audio_buffer.commit")[0]["previous_item_id"] == item_id


def test_short_commit_is_refused(client: Client) -> None:
    """Less than 100 ms is no turn; the audio stays, and more may follow."""
    client.append(silence(60))
    error = client.error("input_audio_buffer.commit")
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert "60.00ms" in error["message"]
    client.append(silence(60))
    assert kinds(client.send("input_audio_buffer.commit"))[0] == "input_audio_buffer.committed"


def test_clear_forgets(client: Client) -> None:
    """A false start is dropped, in the recogniser too."""
    client.append(silence(200))
    assert kinds(client.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert isinstance(client.done[-1], Forget)
    assert client.error("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


def test_a_turn_has_an_end(client: Client) -> None:
    """What no turn can be is refused, and what was appended before can be committed."""
    for _ in range(30):
        client.append(silence(10_000))
    error = client.error("input_audio_buffer.append", audio="AAAA" * 2)
    assert (error["code"], error["param"]) == ("input_audio_buffer_full", "audio")
    client.send("input_audio_buffer.commit")
    assert client.append(silence(100)) == []


def test_a_long_append_is_heard_in_portions(client: Client) -> None:
    """The core takes half a second at a time, so that a shell can serve others in between."""
    audio = base64.b64encode(silence(1700)).decode()
    client.take(client.core.receive(json.dumps({"type": "input_audio_buffer.append", "audio": audio})))
    portions = 1
    while client.core.is_behind:
        client.take(client.core.catch_up())
        portions += 1
    assert portions == 4
