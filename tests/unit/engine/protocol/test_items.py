"""Items: created, placed, retrieved, truncated and deleted, with the codes that clients look for."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from services.engine.protocol.events import Forget, Hear, Listen, Understand
from tests.unit.engine.protocol.client import MANUAL, Client, kinds, voice

PCM = base64.b64encode(voice(200)).decode()


@pytest.fixture
def client() -> Client:
    return Client(session=MANUAL)


def message(role: str, *content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(content), **fields}


def create(client: Client, item: Any, **fields: Any) -> list[dict[str, Any]]:
    return client.send("conversation.item.create", item=item, **fields)


def test_items_are_placed_and_deleted(client: Client) -> None:
    """Items go last, first ("root") or after another; a deleted one is gone."""
    client.say("a", "a")
    system = message("system", {"type": "input_text", "text": "x"})
    added = create(client, {**system, "id": "s"}, previous_item_id="root")
    assert kinds(added) == ["conversation.item.added", "conversation.item.done"]
    assert added[0]["previous_item_id"] is None
    client.say("b", "b", role="assistant")
    assert create(client, {**system, "id": "m"}, previous_item_id="a")[0]["previous_item_id"] == "a"
    assert [item.id for item in client.core.conversation] == ["s", "a", "m", "b"]
    assert kinds(client.send("conversation.item.delete", item_id="a")) == ["conversation.item.deleted"]
    assert [item.id for item in client.core.conversation] == ["s", "m", "b"]
    assert client.error("conversation.item.delete", item_id="a")["code"] == "item_delete_invalid_item_id"
    assert client.error("conversation.item.retrieve", item_id="a")["code"] == "item_retrieve_invalid_item_id"
    nowhere = client.error("conversation.item.create", item=system, previous_item_id="a")
    assert (nowhere["code"], nowhere["param"]) == ("item_create_invalid_item_id", "previous_item_id")


def test_a_message_keeps_its_parts(client: Client) -> None:
    """Several parts stay several parts, and are one line for the mind."""
    parts = [{"type": "input_text", "text": "look"}, {"type": "input_audio", "transcript": "at this"}]
    added = create(client, message("user", *parts, id="p"))
    assert added[1]["item"]["content"] == parts
    assert client.core.conversation.get("p", "retrieve").text == "look at this"


def test_function_calls_are_kept(client: Client) -> None:
    """A history with tool calls can be put in again."""
    call = {"type": "function_call", "name": "look", "call_id": "c1", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c1", "output": "blue"}
    assert create(client, call)[1]["item"]["call_id"] == "c1"
    assert create(client, output)[1]["item"]["output"] == "blue"
    unnamed = create(client, {"type": "function_call", "name": "look", "arguments": "{}"})
    assert unnamed[0]["item"]["call_id"].startswith("call_")


def test_given_audio_is_recognised(client: Client) -> None:
    """An item's own audio goes to the recogniser; what it says is the item's, and no event tells of it."""
    client.update(type="realtime", audio={"input": {"transcription": {"model": "x", "language": "en"}}})
    client.done.clear()
    added = create(client, message("user", {"type": "input_audio", "audio": PCM}, id="a"))
    assert added[0]["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    assert client.done == [Listen("a", "en", ""), Hear("a", voice(200)), Understand("a")]
    assert client.take(client.core.words("a", "stop")) == []
    assert client.take(client.core.transcribed("a", "stop it")) == []
    (retrieved,) = client.send("conversation.item.retrieve", item_id="a")
    assert retrieved["item"]["content"] == [{"type": "input_audio", "transcript": "stop it", "audio": PCM}]


def test_a_deleted_item_is_not_recognised_further(client: Client) -> None:
    """What is deleted while it is being understood is forgotten; a late answer about it changes nothing."""
    create(client, message("user", {"type": "input_audio", "audio": PCM}, id="a"))
    client.send("conversation.item.delete", item_id="a")
    assert client.done[-1] == Forget("a")
    assert client.core.transcribed("a", "stop") == []


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        (3, "invalid_type", "item"),
        ({"role": "user"}, "missing_required_parameter", "item.type"),
        ({"type": "image"}, "invalid_value", "item.type"),
        ({"type": "message", "role": "user"}, "missing_required_parameter", "item.content"),
        (message("user"), "invalid_value", "item.content"),
        (message("judge", {}), "invalid_value", "item.role"),
        (message("user", {"type": "input_text"}), "missing_required_parameter", "item.content[0].text"),
        (message("user", {"type": "input_text", "text": 3}), "invalid_type", "item.content[0].text"),
        (message("user", {"type": "output_text", "text": "x"}), "invalid_value", "item.content[0].type"),
        (message("system", {"type": "input_audio", "audio": PCM}), "invalid_value", "item.content[0].type"),
        (message("assistant", {"type": "output_audio"}), "unsupported_content_type", "item.content[0].type"),
        (
            message("user", {"type": "input_image", "image_url": "data:image/png;base64,AA=="}),
            "unsupported_content_type",
            "item.content[0].type",
        ),
        (message("user", {"type": "input_audio"}), "missing_required_parameter", "item.content[0].audio"),
        (message("user", {"type": "input_audio", "audio": "?"}), "invalid_value", "item.content[0].audio"),
        (message("user", *[{"type": "input_audio", "audio": PCM}] * 2), "invalid_value", "item.content"),
        ({"type": "function_call_output", "output": "x"}, "missing_required_parameter", "item.call_id"),
        (message("user", {"type": "input_text", "text": "x"}, id=""), "invalid_value", "item.id"),
        (message("user", {"type": "input_text", "text": "x"}, id="root"), "invalid_value", "item.id"),
        (message("user", {"type": "input_text", "text": "x"}, mood="good"), "unknown_parameter", "item.mood"),
    ],
)
def test_bad_items_are_refused(client: Client, item: Any, code: str, param: str) -> None:
    """A wrong item is named as such, and the conversation stays as it was."""
    error = client.error("conversation.item.create", item=item)
    assert (error["code"], error["param"]) == (code, param)
    assert list(client.core.conversation) == []


def test_duplicate_item_is_refused(client: Client) -> None:
    """Seeding the same history twice shows."""
    client.say("a", "a")
    item = message("user", {"type": "input_text", "text": "a"}, id="a")
    assert client.error("conversation.item.create", item=item)["code"] == "item_create_duplicate_item_id"


def test_truncate_removes_what_was_not_heard(client: Client) -> None:
    """The item keeps the words that had begun, and exactly the audio that was heard."""
    item_id = client.spoken()
    (truncated,) = client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=450)
    assert truncated["audio_end_ms"] == 450
    (retrieved,) = client.send("conversation.item.retrieve", item_id=item_id)
    (part,) = retrieved["item"]["content"]
    assert part["transcript"] == "one two"
    assert len(base64.b64decode(part["audio"])) == 450 * 48


def test_truncate_while_speaking(client: Client) -> None:
    """What is still generated after a truncation is sent, but not remembered."""
    response_id = client.respond()
    item_id = client.speak(response_id, ("one", 0.3), (" two", 0.3))[0]["item"]["id"]
    client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=200)
    client.speak(response_id, (" three", 0.3))
    client.finish(response_id)
    assert [item.text for item in client.core.conversation] == ["one"]
    error = client.error("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=201)
    assert error["message"] == "Audio content of 200ms is already shorter than 201ms"


def test_truncate_errors(client: Client) -> None:
    """The ways a truncation can be wrong have the codes clients look for, and change nothing."""
    item_id = client.spoken()
    client.say("hello", "u9")
    for wrong, index, end_ms, code in (
        ("item_none", 0, 10, "item_truncate_invalid_item_id"),
        (None, 0, 10, "missing_required_parameter"),
        ("u9", 0, 10, "unsupported_content_type"),
        (item_id, 0, 1001, "invalid_value"),
        (item_id, 0, -1, "invalid_value"),
        (item_id, 0, "10", "invalid_type"),
        (item_id, 0, None, "missing_required_parameter"),
        (item_id, None, 10, "missing_required_parameter"),
        (item_id, 1, 10, "invalid_value"),
    ):
        fields = {"item_id": wrong, "content_index": index, "audio_end_ms": end_ms}
        assert client.error("conversation.item.truncate", **fields)["code"] == code
    assert [item.text for item in client.core.conversation] == ["one two three", "hello"]


def test_old_audio_is_let_go(client: Client) -> None:
    """Audio is kept for the last few items only, so that an hour's talk does not fill the memory."""
    ids = [client.spoken() for _ in range(6)]
    (retrieved,) = client.send("conversation.item.retrieve", item_id=ids[0])
    assert "audio" not in retrieved["item"]["content"][0]
    (retrieved,) = client.send("conversation.item.retrieve", item_id=ids[-1])
    assert "audio" in retrieved["item"]["content"][0]


def test_the_oldest_items_go(client: Client) -> None:
    """A conversation without end keeps what fits, and forgets from its beginning."""
    for number in range(2_001):
        client.core.receive(
            '{"type": "conversation.item.create", "item": {"type": "message", "role": "user", '
            f'"id": "i{number}", "content": [{{"type": "input_text", "text": "x"}}]}}}}'
        )
    assert len(list(client.core.conversation)) == 2_000
    assert client.error("conversation.item.retrieve", item_id="i0")["code"] == "item_retrieve_invalid_item_id"
    client.say("x", "i0")
