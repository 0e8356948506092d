"""The protocol core: what each client event does, held to the official SDK's types."""

import base64
import json
from typing import Annotated, Any

import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import Field, TypeAdapter

from services.engine.events import Action, Answer, Forget, Hear, Hush, Send, Understand
from services.engine.realtime import RealtimeSession

OFFICIAL: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeServerEvent, Field(discriminator="type")])
SECOND = 24_000
SESSION = {"type": "realtime", "audio": {"input": {"turn_detection": None, "transcription": {"model": "any"}}}}


class Client:
    """Sends client events to a session and keeps what comes back, checked."""

    def __init__(self) -> None:
        self.core = RealtimeSession("m", 1000)
        self.done: list[Action] = []
        self.opening = self.take(self.core.open())

    def take(self, actions: list[Action]) -> list[dict[str, Any]]:
        self.done += [action for action in actions if not isinstance(action, Send)]
        events = [json.loads(json.dumps(action.event)) for action in actions if isinstance(action, Send)]
        for event in events:
            OFFICIAL.validate_python(event)
            assert event["event_id"]
        return events

    def send(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        return self.take(self.core.receive(json.dumps({"type": kind, **fields})))

    def error(self, kind: str, **fields: Any) -> dict[str, Any]:
        (event,) = self.send(kind, event_id="mine", **fields)
        assert event["type"] == "error"
        assert event["error"]["event_id"] == "mine"
        error: dict[str, Any] = event["error"]
        return error

    def say(self, text: str, item_id: str = "u1") -> None:
        content = [{"type": "input_text", "text": text}]
        self.send(
            "conversation.item.create", item={"type": "message", "id": item_id, "role": "user", "content": content}
        )

    def respond(self, **fields: Any) -> str:
        created = self.send("response.create", **fields)[0]
        assert created["type"] == "response.created"
        return str(created["response"]["id"])

    def speak(self, response_id: str, *words: tuple[str, float]) -> list[dict[str, Any]]:
        events = []
        for word, seconds in words:
            events += self.take(self.core.speak_word(response_id, word))
            events += self.take(self.core.speak_audio(response_id, bytes(2 * round(seconds * SECOND))))
        return events


@pytest.fixture
def client() -> Client:
    return Client()


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def audio(ms: int) -> str:
    return base64.b64encode(bytes(48 * ms)).decode()


def test_session_is_created_without_turn_detection(client: Client) -> None:
    """The session object is whole, and says from the start that the client ends its turns."""
    (created,) = client.opening
    session = created["session"]
    assert session["id"].startswith("sess_")
    assert session["expires_at"] == 1000 + 3600
    assert session["model"] == "m"
    assert session["audio"]["input"]["turn_detection"] is None


def test_update_merges(client: Client) -> None:
    """What an update does not name stays as it was; null clears."""
    client.send("session.update", session={**SESSION, "instructions": "Be brief."})
    output = {"type": "realtime", "audio": {"output": {"voice": "cedar", "speed": 1.2}}}
    (updated,) = client.send("session.update", session=output)
    session = updated["session"]
    assert session["instructions"] == "Be brief."
    assert session["audio"]["input"]["transcription"] == {"model": "any"}
    assert session["audio"]["output"]["voice"] == "cedar"
    off = {"type": "realtime", "audio": {"input": {"transcription": None}}}
    (updated,) = client.send("session.update", session=off)
    assert updated["session"]["audio"]["input"]["transcription"] is None


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"type": "realtime", "voice": "marin"}, "unknown_parameter", "session.voice"),
        ({"type": "realtime", "model": "other"}, "invalid_value", "session.model"),
        ({"type": "realtime", "audio": 3}, "invalid_type", "session.audio"),
        (
            {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcmu"}}}},
            "invalid_value",
            "session.audio.input.format",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad"}}}},
            "invalid_value",
            "session.audio.input.turn_detection",
        ),
        (
            {"type": "realtime", "audio": {"output": {"voice": "nobody"}}},
            "invalid_value",
            "session.audio.output.voice",
        ),
        (
            {"type": "realtime", "audio": {"output": {"speed": 9}}},
            "invalid_value",
            "session.audio.output.speed",
        ),
        ({"type": "realtime", "output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
    ],
)
def test_bad_update_changes_nothing(client: Client, session: Any, code: str, param: str) -> None:
    """A refused update names the field and leaves the session as it was, even its good fields."""
    error = client.error("session.update", session={**session, "instructions": "new"})
    assert (error["code"], error["param"]) == (code, param)
    assert client.core.configuration.as_dict()["instructions"] == ""


def test_turn_is_heard_and_committed(client: Client) -> None:
    """Audio goes to the recogniser as it comes; a commit makes an item and asks for its words."""
    client.send("session.update", session=SESSION)
    assert client.send("input_audio_buffer.append", audio=audio(200)) == []
    events = client.send("input_audio_buffer.commit")
    assert kinds(events) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    item_id = events[0]["item_id"]
    assert client.done == [Hear(bytes(9600)), Understand(item_id)]
    assert events[1]["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    heard = client.take(client.core.transcribed(item_id, "stop"))
    assert kinds(heard)[-1] == "conversation.item.input_audio_transcription.completed"
    assert heard[-1]["usage"] == {"type": "duration", "seconds": 0.2}
    assert heard[-1]["transcript"] == "stop"


def test_transcript_is_silent_unless_asked_for(client: Client) -> None:
    """Without input transcription the words go to the mind only."""
    client.send("input_audio_buffer.append", audio=audio(200))
    item_id = client.send("input_audio_buffer.commit")[0]["item_id"]
    assert client.core.transcribed(item_id, "stop") == []
    assert [item.text for item in client.core.conversation] == ["stop"]


def test_short_commit_is_refused(client: Client) -> None:
    """Less than 100 ms is no turn; the audio stays, and more may follow."""
    client.send("input_audio_buffer.append", audio=audio(60))
    error = client.error("input_audio_buffer.commit")
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert "60.00ms" in error["message"]
    client.send("input_audio_buffer.append", audio=audio(60))
    assert kinds(client.send("input_audio_buffer.commit"))[0] == "input_audio_buffer.committed"


def test_clear_forgets(client: Client) -> None:
    """A false start is dropped, in the recogniser too."""
    client.send("input_audio_buffer.append", audio=audio(200))
    assert kinds(client.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert client.done[-1] == Forget()
    assert client.error("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


def test_response_has_the_documented_order(client: Client) -> None:
    """From created to done, each event once, audio and transcript interleaved at the words' starts."""
    client.say("hello")
    response_id = client.respond(response={"metadata": {"turn": "7"}})
    assert client.done == [Answer(response_id)]
    events = client.speak(response_id, ("Hello", 0.3), (" you.", 0.4))
    events += client.take(client.core.finish(response_id))
    assert kinds(events) == [
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    response = events[-1]["response"]
    assert (response["id"], response["status"]) == (response_id, "completed")
    assert response["metadata"] == {"turn": "7"}
    assert response["usage"]["output_token_details"]["audio_tokens"] == 14
    assert response["output"][0]["content"] == [{"type": "output_audio", "transcript": "Hello you."}]
    assert events[1]["previous_item_id"] == "u1"


def test_text_response(client: Client) -> None:
    """With the text modality no audio is announced or sent."""
    response_id = client.respond(response={"output_modalities": ["text"]})
    events = client.take(client.core.speak_word(response_id, "Hello"))
    events += client.take(client.core.finish(response_id))
    assert "response.output_text.delta" in kinds(events)
    assert not [kind for kind in kinds(events) if "audio" in kind]
    assert events[-1]["response"]["output"][0]["content"] == [{"type": "output_text", "text": "Hello"}]


def test_second_response_is_refused(client: Client) -> None:
    """One response at a time in the conversation; the error names the client's event, and the first goes on."""
    response_id = client.respond()
    error = client.error("response.create")
    assert error["code"] == "conversation_already_has_active_response"
    assert response_id in error["message"]
    assert client.core.speak_word(response_id, "Hello")


def test_out_of_band_response_stays_out(client: Client) -> None:
    """A response outside the conversation runs beside another and leaves no item."""
    client.respond()
    side = client.respond(response={"conversation": "none", "input": []})
    assert client.core.context(side) == []
    events = client.speak(side, ("Aside.", 0.2)) + client.take(client.core.finish(side))
    assert "conversation.item.added" not in kinds(events)
    assert list(client.core.conversation) == []


@pytest.mark.parametrize("by_id", [True, False])
def test_cancel_ends_with_response_done(client: Client, by_id: bool) -> None:
    """A cancel hushes the work and closes the response; whatever the work still reports is dropped."""
    response_id = client.respond()
    client.speak(response_id, ("Once", 0.3))
    events = client.send("response.cancel", **({"response_id": response_id} if by_id else {}))
    assert client.done[-1] == Hush(response_id)
    assert events[-1]["type"] == "response.done"
    assert events[-1]["response"]["status"] == "cancelled"
    assert events[-1]["response"]["status_details"]["reason"] == "client_cancelled"
    assert events[-1]["response"]["output"][0]["status"] == "incomplete"
    assert client.speak(response_id, (" upon", 0.3)) == []
    assert client.core.finish(response_id) == []
    assert client.respond()


def test_cancel_before_the_first_word(client: Client) -> None:
    """A response that has said nothing ends with no output at all."""
    client.respond()
    events = client.send("response.cancel")
    assert kinds(events) == ["response.done"]
    assert events[0]["response"]["output"] == []


def test_cancel_of_nothing(client: Client) -> None:
    """A cancel that comes too late is an error and no harm; one by id never hits another response."""
    assert client.error("response.cancel")["code"] == "response_cancel_not_active"
    client.respond()
    assert client.error("response.cancel", response_id="resp_old")["code"] == "response_cancel_not_active"
    assert client.error("response.create")["code"] == "conversation_already_has_active_response"


def test_failure_is_told_in_response_done(client: Client) -> None:
    """A reply that cannot be made ends as failed, with the reason."""
    response_id = client.respond()
    (done,) = client.take(client.core.fail(response_id, "speech_failed", "no voice"))
    assert done["response"]["status"] == "failed"
    assert done["response"]["status_details"]["error"]["code"] == "speech_failed"


def spoken(client: Client) -> str:
    """A finished reply of one second, "one two three", and its item's id."""
    response_id = client.respond()
    client.speak(response_id, ("one", 0.3), (" two", 0.3), (" three", 0.4))
    done = client.take(client.core.finish(response_id))[-1]
    return str(done["response"]["output"][0]["id"])


def test_truncate_removes_what_was_not_heard(client: Client) -> None:
    """The item keeps the words that had begun, and exactly the audio that was heard."""
    item_id = spoken(client)
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
    client.take(client.core.finish(response_id))
    assert [item.text for item in client.core.conversation] == ["one"]
    error = client.error("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=201)
    assert error["message"] == "Audio content of 200ms is already shorter than 201ms"


def test_truncate_errors(client: Client) -> None:
    """The three ways a truncation can be wrong have the codes clients look for, and change nothing."""
    item_id = spoken(client)
    client.say("hello", "u9")
    for wrong, end_ms, code in (
        ("item_none", 10, "item_truncate_invalid_item_id"),
        ("u9", 10, "unsupported_content_type"),
        (item_id, 1001, "invalid_value"),
        (item_id, -1, "invalid_value"),
        (item_id, "10", "invalid_value"),
    ):
        error = client.error("conversation.item.truncate", item_id=wrong, content_index=0, audio_end_ms=end_ms)
        assert error["code"] == code
    assert [item.text for item in client.core.conversation] == ["one two three", "hello"]


def test_items_are_placed_and_deleted(client: Client) -> None:
    """Items go last, first ("root") or after another; a deleted one is gone."""
    client.say("a", "a")
    content = [{"type": "input_text", "text": "x"}]
    message = {"type": "message", "role": "system", "content": content}
    added = client.send("conversation.item.create", previous_item_id="root", item={**message, "id": "s"})
    assert kinds(added) == ["conversation.item.added", "conversation.item.done"]
    assert added[0]["previous_item_id"] is None
    client.say("b", "b")
    client.send("conversation.item.create", previous_item_id="a", item={**message, "id": "m"})
    assert [item.id for item in client.core.conversation] == ["s", "a", "m", "b"]
    assert kinds(client.send("conversation.item.delete", item_id="a")) == ["conversation.item.deleted"]
    assert [item.id for item in client.core.conversation] == ["s", "m", "b"]
    assert client.error("conversation.item.delete", item_id="a")["code"] == "item_delete_invalid_item_id"
    assert client.error("conversation.item.retrieve", item_id="a")["code"] == "item_retrieve_invalid_item_id"


def test_function_calls_are_kept(client: Client) -> None:
    """A history with tool calls can be put in again."""
    call = {"type": "function_call", "name": "look", "call_id": "c1", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c1", "output": "blue"}
    assert client.send("conversation.item.create", item=call)[1]["item"]["call_id"] == "c1"
    assert client.send("conversation.item.create", item=output)[1]["item"]["output"] == "blue"


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (None, "invalid_type"),
        ({"type": "image"}, "invalid_value"),
        ({"type": "message", "role": "user"}, "missing_required_parameter"),
        ({"type": "message", "role": "judge", "content": [{}]}, "invalid_value"),
        ({"type": "message", "role": "assistant", "content": [{"type": "output_audio"}]}, "invalid_value"),
        ({"type": "message", "role": "user", "content": [{"type": "input_text"}]}, "missing_required_parameter"),
        ({"type": "function_call_output", "output": "x"}, "missing_required_parameter"),
        ({"type": "message", "id": "", "role": "user", "content": []}, "invalid_value"),
    ],
)
def test_bad_items_are_refused(client: Client, item: Any, code: str) -> None:
    """A wrong item is named as such, and the conversation stays as it was."""
    assert client.error("conversation.item.create", item=item)["code"] == code
    assert list(client.core.conversation) == []


def test_duplicate_item_is_refused(client: Client) -> None:
    """Seeding the same history twice shows."""
    client.say("a", "a")
    item = {"type": "message", "id": "a", "role": "user", "content": [{"type": "input_text", "text": "a"}]}
    assert client.error("conversation.item.create", item=item)["code"] == "item_create_duplicate_item_id"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "invalid_event"),
        ("[" * 100_000, "invalid_event"),
        ("[]", "invalid_event"),
        ("{}", "invalid_event"),
        (b"\x00", "invalid_event"),
        ('{"type": "conversation.item.created"}', "invalid_value"),
        ('{"type": "input_audio_buffer.append", "audio": "?"}', "invalid_value"),
        ('{"type": "input_audio_buffer.append", "audio": "AAAA"}', "invalid_value"),
        ('{"type": "input_audio_buffer.append"}', "missing_required_parameter"),
        ('{"type": "response.create", "response": {"voice": "x"}}', "unknown_parameter"),
        ('{"type": "response.create", "response": {"metadata": {"a": 1}}}', "invalid_type"),
        ('{"type": "response.create", "event_id": 7}', "invalid_value"),
    ],
)
def test_nonsense_is_answered(client: Client, message: str | bytes, code: str) -> None:
    """Whatever a client sends, it gets an error that says why, and the session is as usable as before."""
    (event,) = client.take(client.core.receive(message))
    assert event["error"]["code"] == code
    assert client.respond()


def test_voice_is_fixed_once_heard(client: Client) -> None:
    """After the first audio a change of voice is refused, in an update and in a response."""
    spoken(client)
    change = {"type": "realtime", "audio": {"output": {"voice": "cedar"}}}
    assert client.error("session.update", session=change)["code"] == "cannot_update_voice"
    again = {"audio": {"output": {"voice": "cedar"}}}
    assert client.error("response.create", response=again)["code"] == "cannot_update_voice"


def test_old_audio_is_let_go(client: Client) -> None:
    """Audio is kept for the last few items only, so that an hour's talk does not fill the memory."""
    ids = [spoken(client) for _ in range(6)]
    (retrieved,) = client.send("conversation.item.retrieve", item_id=ids[0])
    assert "audio" not in retrieved["item"]["content"][0]
    (retrieved,) = client.send("conversation.item.retrieve", item_id=ids[-1])
    assert "audio" in retrieved["item"]["content"][0]
