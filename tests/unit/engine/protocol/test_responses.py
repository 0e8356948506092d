"""Responses: what was asked of them, their events in order, and exactly one end each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from services.engine.parts import Curtailed, PartError, ThoughtUsage, ToolCall
from services.engine.protocol.events import Answer, Hear, Hush, Listen, Understand
from tests.unit.engine.protocol.client import MANUAL, Client, kinds, only, voice
from tests.unit.engine.protocol.test_items import PCM

NOW = datetime(2027, 1, 1, 12)
LOOK = {"type": "function", "name": "look", "parameters": {"type": "object"}}


@pytest.fixture
def client() -> Client:
    return Client(session=MANUAL)


def context(client: Client, response_id: str) -> Any:
    response = client.core.response(response_id)
    assert response is not None
    return client.core.context(response, NOW)


def test_response_has_the_documented_order(client: Client) -> None:
    """From created to done, each event once, each word just before the audio it begins in."""
    client.say("hello")
    response_id = client.respond(metadata={"turn": "7"})
    assert client.done == [Answer(response_id)]
    events = client.speak(response_id, ("Hello", 0.3), (" you.", 0.4)) + client.finish(response_id)
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
    assert (response["id"], response["status"], response["status_details"]) == (response_id, "completed", None)
    assert response["metadata"] == {"turn": "7"}
    assert response["usage"]["output_token_details"] == {"audio_tokens": 14, "text_tokens": 3}
    assert response["usage"]["input_token_details"]["text_tokens"] == 2
    assert response["output"][0]["content"] == [{"type": "output_audio", "transcript": "Hello you."}]
    assert events[0]["item"]["content"] == []
    assert events[0]["item"]["status"] == "in_progress"
    assert events[1]["previous_item_id"] == "u1"


def test_text_response(client: Client) -> None:
    """With the text modality no audio is announced or sent."""
    response_id = client.respond(output_modalities=["text"])
    events = client.take(client.core.word(response_id, "Hello")) + client.finish(response_id)
    assert kinds(events) == [
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert events[-1]["response"]["output"][0]["content"] == [{"type": "output_text", "text": "Hello"}]
    assert events[-1]["response"]["output_modalities"] == ["text"]


def test_a_response_has_its_own_settings(client: Client) -> None:
    """What is asked of one response takes the place of the session's, for it alone."""
    client.update(type="realtime", instructions="Be brief.", tools=[LOOK], max_output_tokens=50)
    told = context(client, client.respond(instructions="Sing.", tools=[], tool_choice="none", max_output_tokens="inf"))
    assert (told.instructions, told.tools, told.tool_choice, told.max_output_tokens) == ("Sing.", [], "none", None)
    client.send("response.cancel")
    told = context(client, client.respond())
    assert (told.instructions, told.tools, told.tool_choice, told.max_output_tokens) == (
        "Be brief.",
        [LOOK],
        "auto",
        50,
    )


def test_the_mind_is_told_all_lines(client: Client) -> None:
    """Texts, calls and what came of them, with their ids; replies of which nothing was heard are none."""
    client.say("be kind", "s", role="system")
    client.say("hello", "u")
    item_id = client.spoken()
    client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=0)
    call = {"type": "function_call", "name": "look", "call_id": "c1", "arguments": "{}"}
    client.send("conversation.item.create", item=call)
    client.send("conversation.item.create", item={"type": "function_call_output", "call_id": "c1", "output": "blue"})
    lines = context(client, client.respond()).lines
    assert [(line.speaker, line.text, line.call_id, line.name, line.arguments) for line in lines] == [
        ("system", "be kind", "", "", ""),
        ("user", "hello", "", "", ""),
        ("call", "", "c1", "look", "{}"),
        ("tool", "blue", "c1", "", ""),
    ]


def test_function_calling(client: Client) -> None:
    """Something is said, then a function is to be called: two items, and the answer to its output comes next."""
    client.update(type="realtime", tools=[LOOK])
    client.say("what colour is it")
    response_id = client.respond()
    events = client.speak(response_id, ("Let me look.", 0.5))
    events += client.take(client.core.call(response_id, ToolCall("call_1", "look", '{"at":"it"}')))
    events += client.finish(response_id)
    after = events[kinds(events).index("response.output_audio.done") :]
    assert kinds(after) == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    added = after[5]
    assert (added["output_index"], added["item"]["status"], added["item"]["arguments"]) == (1, "in_progress", "")
    done = only(events, "response.function_call_arguments.done")
    assert (done["call_id"], done["name"], done["arguments"]) == ("call_1", "look", '{"at":"it"}')
    said, call = events[-1]["response"]["output"]
    assert said["content"][0]["transcript"] == "Let me look."
    assert (call["type"], call["status"], call["call_id"]) == ("function_call", "completed", "call_1")
    output = {"type": "function_call_output", "call_id": "call_1", "output": "blue"}
    client.send("conversation.item.create", item=output)
    lines = context(client, client.respond()).lines
    assert [line.speaker for line in lines] == ["user", "assistant", "call", "tool"]


def test_speech_goes_on_after_a_call(client: Client) -> None:
    """What is said after a call is an item of its own, in its place."""
    response_id = client.respond()
    client.take(client.core.call(response_id, ToolCall("call_1", "look", "{}")))
    client.speak(response_id, ("Wait.", 0.2))
    client.take(client.core.call(response_id, ToolCall("call_2", "look", "{}")))
    output = client.finish(response_id)[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["function_call", "message", "function_call"]
    assert [item.id for item in client.core.conversation] == [item["id"] for item in output]


def test_second_response_is_refused(client: Client) -> None:
    """One response at a time in the conversation; the error names the client's event, and the first goes on."""
    response_id = client.respond()
    error = client.error("response.create")
    assert error["code"] == "conversation_already_has_active_response"
    assert response_id in error["message"]
    assert client.speak(response_id, ("Hello", 0.1))


def test_out_of_band_responses_stay_out(client: Client) -> None:
    """Responses outside the conversation run beside another, some at a time, and leave no item."""
    client.respond()
    side = client.respond(conversation="none", input=[])
    assert context(client, side).lines == []
    events = client.speak(side, ("Aside.", 0.2)) + client.finish(side)
    assert not [kind for kind in kinds(events) if kind.startswith("conversation.")]
    assert events[-1]["response"]["conversation_id"] is None
    assert list(client.core.conversation) == []
    for _ in range(7):
        client.respond(conversation="none")
    assert client.error("response.create", response={"conversation": "none"})["code"] == "rate_limit_exceeded"


def test_an_input_takes_the_conversations_place(client: Client) -> None:
    """A response may be asked with items of its own, with references, and with audio that is recognised first."""
    client.say("hello", "u1")
    client.say("ignore me", "u2")
    item = {"type": "message", "role": "user", "id": "own", "content": [{"type": "input_audio", "audio": PCM}]}
    given = [{"type": "item_reference", "id": "u1"}, item]
    client.done.clear()
    side = client.respond(conversation="none", input=given)
    assert client.done == [Listen("own", "", ""), Hear("own", voice(200)), Understand("own"), Answer(side)]
    client.take(client.core.transcribed("own", "what was that"))
    assert [line.text for line in context(client, side).lines] == ["hello", "what was that"]


@pytest.mark.parametrize(
    ("response", "code", "param"),
    [
        ({"voice": "x"}, "unknown_parameter", "response.voice"),
        ({"metadata": {"a": 1}}, "invalid_type", "response.metadata"),
        ({"metadata": {"a" * 65: "x"}}, "invalid_value", "response.metadata"),
        ({"conversation": "other"}, "invalid_value", "response.conversation"),
        ({"input": {}}, "invalid_type", "response.input"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "item_retrieve_invalid_item_id", "response.input[0].id"),
        ({"input": [{"type": "message"}]}, "missing_required_parameter", "response.input[0].role"),
        ({"audio": {"output": {"voice": "nobody"}}}, "invalid_value", "response.audio.output.voice"),
        ({"audio": {"input": {}}}, "unknown_parameter", "response.audio.input"),
        ({"instructions": 3}, "invalid_type", "response.instructions"),
        ({"max_output_tokens": 5000}, "invalid_value", "response.max_output_tokens"),
        ({"tool_choice": {"type": "function", "name": "x"}}, "invalid_value", "response.tool_choice"),
    ],
)
def test_bad_requests_are_refused(client: Client, response: Any, code: str, param: str) -> None:
    """A wrong request names its field, and no response begins."""
    error = client.error("response.create", response=response)
    assert (error["code"], error["param"]) == (code, param)
    assert client.respond()


@pytest.mark.parametrize("by_id", [True, False])
def test_cancel_ends_with_response_done(client: Client, by_id: bool) -> None:
    """A cancel hushes the work and closes the response; whatever the work still reports is dropped."""
    response_id = client.respond()
    client.speak(response_id, ("Once", 0.3))
    events = client.send("response.cancel", **({"response_id": response_id} if by_id else {}))
    assert client.done[-1] == Hush(response_id)
    response = events[-1]["response"]
    assert events[-1]["type"] == "response.done"
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert response["output"][0]["status"] == "incomplete"
    assert response["usage"]["output_token_details"]["audio_tokens"] == 6
    assert client.speak(response_id, (" upon", 0.3)) == []
    assert client.take(client.core.call(response_id, ToolCall("c", "look", "{}"))) == []
    assert client.finish(response_id) == []
    assert client.take(client.core.fail(response_id, PartError("failed", "x"))) == []
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


def test_a_deleted_item_is_not_announced_again(client: Client) -> None:
    """Deleting what is being said takes it out of the conversation, and the response ends as it would."""
    response_id = client.respond()
    item_id = client.speak(response_id, ("Once", 0.3))[0]["item"]["id"]
    client.send("conversation.item.delete", item_id=item_id)
    events = client.finish(response_id)
    assert "conversation.item.done" not in kinds(events)
    assert kinds(events)[-2:] == ["response.output_item.done", "response.done"]


def test_failure_is_told_in_response_done(client: Client) -> None:
    """A reply that cannot be made ends as failed, with the reason."""
    response_id = client.respond()
    (done,) = client.take(client.core.fail(response_id, PartError("unreachable", "no mind")))
    assert done["response"]["status"] == "failed"
    assert done["response"]["status_details"] == {
        "type": "failed",
        "error": {"type": "server_error", "code": "unreachable", "message": "no mind"},
    }
    assert done["response"]["usage"] is None


def test_what_the_mind_curtailed_is_incomplete(client: Client) -> None:
    """A thought that was cut short ends the response as incomplete, with its reason."""
    response_id = client.respond()
    client.speak(response_id, ("Once", 0.3))
    done = client.take(client.core.finish(response_id, Curtailed("content_filter")))[-1]["response"]
    assert (done["status"], done["output"][0]["status"]) == ("incomplete", "incomplete")
    assert done["status_details"] == {"type": "incomplete", "reason": "content_filter"}


def test_a_response_ends_at_its_limit(client: Client) -> None:
    """More tokens than were allowed are not made: the work is hushed and the response is incomplete."""
    response_id = client.respond(max_output_tokens=10)
    events = client.speak(response_id, ("one", 0.3), (" two", 0.3))
    assert events[-1]["type"] == "response.done"
    assert events[-1]["response"]["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert client.done[-1] == Hush(response_id)
    assert client.speak(response_id, (" three", 0.3)) == []


def test_the_minds_own_count_is_used(client: Client) -> None:
    """Tokens that the mind counted take the place of the estimate; what was heard had become text before."""
    client.say("hello")
    response_id = client.respond()
    client.speak(response_id, ("Hello", 0.5))
    client.core.thought(response_id, ThoughtUsage(text_in=100, text_cached=64, text_out=7))
    usage = client.finish(response_id)[-1]["response"]["usage"]
    assert usage["input_token_details"] == {
        "text_tokens": 100,
        "audio_tokens": 0,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0},
    }
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (100, 17, 117)
