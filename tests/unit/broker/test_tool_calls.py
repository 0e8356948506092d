"""Tool calls: what the model asks to be done, and what it and the person are told of it, in whatever order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from services.broker.host import ENDED, SAY_GOODBYE, STAYED
from services.broker.manner import Closing
from services.broker.questions import ANSWER_NOW
from services.broker.settling import UNHURRIED_WAIT_S
from services.broker.tools.declaration import END_CONVERSATION
from services.broker.upstream.capabilities import Capabilities
from tests.unit.broker.scene import Cause, Scene

DONE = session.ToolCall.STATUS_DONE
CALLED = session.ToolCall.STATUS_CALLED


def asked(**manner: Any) -> Scene:
    """A scene in which turn 1 waits for its answer `r1`."""
    scene = Scene(**manner)
    scene.turn(1, item="u1")
    scene.transcript("u1", "what's the weather?")
    scene.created("r1")
    return scene


def begin_call(scene: Scene, response: str, call_id: str, name: str = "look") -> dict[str, Any]:
    """The model begins a call; return its item as it will be."""
    item = {"id": f"i_{call_id}", "type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"}
    begun = item | {"arguments": "", "status": "in_progress"}
    scene.model("response.output_item.added", response_id=response, item=begun)
    return item | {"status": "completed"}


def call(scene: Scene, response: str, call_id: str, name: str = "look") -> dict[str, Any]:
    """The model makes a whole call; return its item."""
    item = begin_call(scene, response, call_id, name)
    scene.model("response.output_item.done", response_id=response, item=item)
    return item


def result(scene: Scene, call_id: str, output: str = "sunny") -> None:
    """A tool answers."""
    scene.take(scene.core.tool_done(call_id, output, DONE, scene.now_s))


def told(scene: Scene) -> list[tuple[str, str]]:
    """Results the model was told: call and output."""
    items = [event["item"] for event in scene.of("conversation.item.create")]
    return [(item["call_id"], item["output"]) for item in items if item["type"] == "function_call_output"]


def requests(scene: Scene) -> int:
    """How many responses were asked for."""
    return len(scene.of("response.create"))


def break_off(scene: Scene) -> None:
    """The connection breaks."""
    scene.take(scene.core.lose_model(scene.now_s))


def rebuild(scene: Scene) -> int:
    """A new connection stands; return how many events were sent before it."""
    before = len(scene.sent)
    scene.take(scene.core.rebuild(scene.now_s))
    return before


def kinds(scene: Scene, since: int) -> list[str]:
    """What was sent since then, but sound: items by their type."""
    sent = [event for event in scene.sent[since:] if not event["type"].endswith("append")]
    return [event["item"]["type"] if "item" in event else event["type"].split(".")[-1] for event in sent]


def test_a_call_is_carried_out_and_answered_for() -> None:
    """Its result goes to the model, then the next response is asked for; history has the call and its result."""
    scene = asked()
    call(scene, "r1", "c1")
    assert [(made.call_id, made.name, made.arguments, made.turn) for made in scene.called] == [("c1", "look", "{}", 1)]
    scene.done("r1")
    assert scene.silent == [], "the person still waits"
    assert requests(scene) == 1
    result(scene, "c1")
    assert scene.steps[-2:] == ["item.create", "create"]
    assert told(scene) == [("c1", "sunny")]
    scene.answer(2)
    scene.played(2, 2000, ended=True)
    tools = [(item.tool.status, item.tool.output) for item in scene.history if item.HasField("tool")]
    assert tools == [(CALLED, ""), (DONE, "sunny")]
    assert [role for role, _ in scene.said] == ["user", "tool", "tool", "assistant"]
    assert scene.core.is_quiet


def test_a_result_that_comes_before_the_response_ends_is_answered_for_when_it_does() -> None:
    """A tool may be faster than the model's last word on the response that called it."""
    scene = asked()
    call(scene, "r1", "c1")
    result(scene, "c1")
    assert told(scene) == [("c1", "sunny")], "it is told at once"
    assert requests(scene) == 1, "but two responses can't be under way"
    scene.done("r1")
    assert requests(scene) == 2
    assert scene.silent == []
    scene.answer(2)
    scene.played(2, 2000, ended=True)
    assert requests(scene) == 2
    assert scene.core.is_quiet


def test_several_calls_are_answered_for_once_when_all_are_done() -> None:
    """In any order."""
    scene = asked()
    call(scene, "r1", "c1")
    call(scene, "r1", "c2", "ask")
    scene.done("r1")
    result(scene, "c2", "two")
    assert requests(scene) == 1
    result(scene, "c1", "one")
    assert told(scene) == [("c2", "two"), ("c1", "one")]
    assert requests(scene) == 2


def test_a_call_after_words_lets_them_be_heard_and_is_answered_for() -> None:
    """The preamble is a reply of its own."""
    scene = asked()
    scene.item("r1", "a1")
    scene.speak("r1", "a1", 800, "let me see")
    scene.item_done("r1", "a1")
    call(scene, "r1", "c1")
    scene.done("r1")
    result(scene, "c1")
    scene.answer(2)
    scene.played(1, 800, ended=True)
    scene.played(2, 2000, ended=True)
    assert [text for role, text in scene.said if role == "assistant"] == ["let me see", "one two three four"]


def test_a_call_told_three_times_is_one() -> None:
    """As an item, as finished arguments, and once more in the response."""
    scene = asked()
    item = call(scene, "r1", "c1")
    scene.model("response.function_call_arguments.done", response_id="r1", item_id="i_c1", call_id="c1", arguments="{}")
    scene.model("response.output_item.done", response_id="r1", item=item)
    scene.done("r1", output=[item])
    assert len(scene.called) == 1
    assert scene.memory_edits == []
    result(scene, "c1")
    result(scene, "c1", "again")
    assert told(scene) == [("c1", "sunny")]
    assert requests(scene) == 2


def test_a_call_that_only_the_end_of_the_response_tells_of() -> None:
    """Some servers send nothing before."""
    scene = asked()
    item = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"a": 1}', "status": "completed"}
    scene.done("r1", output=[item])
    assert [(made.call_id, made.arguments) for made in scene.called] == [("c1", '{"a": 1}')]
    result(scene, "c1")
    assert requests(scene) == 2


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_what_a_response_that_came_to_nothing_lists_is_not_done(status: str) -> None:
    """Only what was told as complete is carried out."""
    scene = asked()
    item = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}", "status": "completed"}
    scene.done("r1", status, output=[item])
    assert scene.called == []


def test_an_incomplete_call_is_forgotten() -> None:
    """Nobody will carry it out, and the model must not wait for its result; the person is not left waiting either."""
    scene = asked()
    item = begin_call(scene, "r1", "c1") | {"status": "incomplete"}
    scene.model("response.output_item.done", response_id="r1", item=item)
    scene.done("r1", "incomplete", output=[item], status_details={"reason": "max_output_tokens"})
    assert scene.called == []
    assert scene.memory_edits == [("i_c1", None)]
    assert scene.silent == [1]
    assert scene.core.is_quiet


def test_a_call_without_an_item_id_costs_no_deletion() -> None:
    """There is nothing by which it could be deleted."""
    scene = asked()
    begun = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": ""}
    scene.model("response.output_item.added", response_id="r1", item=begun)
    scene.done("r1", "incomplete")
    assert scene.memory_edits == []


def test_a_call_that_was_still_being_written_at_an_interruption_is_forgotten() -> None:
    """And one that begins after it."""
    scene = asked()
    begin_call(scene, "r1", "c1")
    scene.interrupt(1)
    call(scene, "r1", "c2")
    scene.done("r1", "cancelled")
    assert scene.called == []
    assert sorted(scene.memory_edits) == [("i_c1", None), ("i_c2", None)]
    scene.wait(UNHURRIED_WAIT_S + 0.05)
    assert not scene.core._tools.is_running


def test_a_result_after_an_interruption_is_told_and_not_answered_for() -> None:
    """The person said something else meanwhile; the conversation comes to rest afterwards."""
    scene = asked()
    call(scene, "r1", "c1")
    scene.done("r1")
    scene.interrupt(1)
    result(scene, "c1")
    assert told(scene) == [("c1", "sunny")]
    assert requests(scene) == 1
    scene.wait(UNHURRIED_WAIT_S + 0.05)
    assert scene.core.is_quiet


@pytest.mark.parametrize("result_first", [True, False])
def test_an_interruption_while_the_response_goes_on_leaves_no_call_open(result_first: bool) -> None:
    """The call was complete and is carried out; its response is cancelled. Nothing waits for anything in the end."""
    scene = asked()
    call(scene, "r1", "c1")
    scene.interrupt(1)
    if result_first:
        result(scene, "c1")
    scene.done("r1", "cancelled")
    if not result_first:
        result(scene, "c1")
    assert told(scene) == [("c1", "sunny")]
    scene.wait(UNHURRIED_WAIT_S + 0.05)
    assert requests(scene) == 1
    assert scene.core.is_quiet


def test_a_result_after_the_turn_went_on_is_told_and_not_answered_for() -> None:
    """The turn's real end asks."""
    scene = asked()
    call(scene, "r1", "c1")
    scene.done("r1")
    scene.resume(1)
    result(scene, "c1")
    assert told(scene) == [("c1", "sunny")]
    assert requests(scene) == 1
    scene.turn(1, item="u2")
    assert requests(scene) == 2


def test_a_result_while_the_model_is_away_is_told_with_all_the_rest() -> None:
    """The new connection's model learns of the call and of its result, each once, and is asked to go on."""
    scene = asked()
    call(scene, "r1", "c1")
    scene.done("r1")
    break_off(scene)
    before = len(scene.sent)
    result(scene, "c1")
    assert scene.sent[before:] == []
    rebuild(scene)
    assert kinds(scene, before) == ["message", "commit", "function_call", "function_call_output", "create"]


def test_a_result_after_the_reconnect_brings_its_call_along() -> None:
    """The new model has not made it: without a result it was not told of it."""
    scene = asked()
    call(scene, "r1", "c1")
    scene.done("r1")
    break_off(scene)
    before = rebuild(scene)
    assert kinds(scene, before) == ["message", "commit"], "the system's word, and what the person asked"
    before = len(scene.sent)
    result(scene, "c1")
    assert kinds(scene, before) == ["function_call", "function_call_output", "create"]
    assert scene.sent[before]["item"]["call_id"] == scene.sent[before + 1]["item"]["call_id"] == "c1"


@pytest.mark.parametrize("words_ms", [0, 500])
def test_a_connection_lost_between_a_call_and_the_end_of_its_response(words_ms: int) -> None:
    """The call is under way: the model is not asked again before its result, or it would call once more."""
    scene = asked()
    if words_ms:
        scene.speak("r1", "a1", words_ms, "let me see")
    call(scene, "r1", "c1")
    break_off(scene)
    rebuild(scene)
    scene.committed("u1.2")
    assert requests(scene) == 1
    result(scene, "c1")
    assert requests(scene) == 2
    scene.answer(2)
    scene.played(2, 2000, ended=True)
    assert requests(scene) == 2
    assert scene.core.is_quiet


@pytest.mark.parametrize("words_ms", [0, 500])
def test_a_connection_lost_between_a_result_and_the_end_of_its_response(words_ms: int) -> None:
    """All is known: the new model is told, and asked to go on at once."""
    scene = asked()
    if words_ms:
        scene.speak("r1", "a1", words_ms, "let me see")
    call(scene, "r1", "c1")
    result(scene, "c1")
    break_off(scene)
    before = rebuild(scene)
    scene.committed("u1.2")
    assert "function_call" in kinds(scene, before)
    assert requests(scene) == 2
    scene.answer(2)
    scene.played(2, 2000, ended=True)
    assert requests(scene) == 2
    assert scene.core.is_quiet


def test_a_call_of_a_withheld_response_waits_for_its_release() -> None:
    """The turn may go on: nothing is done for a guess."""
    scene = Scene()
    scene.guess(1)
    scene.committed("u1")
    scene.created("r1")
    call(scene, "r1", "c1")
    scene.done("r1")
    assert scene.called == []
    scene.confirm(1)
    assert [made.call_id for made in scene.called] == ["c1"]
    result(scene, "c1")
    assert requests(scene) == 2


def test_a_call_of_a_response_that_is_taken_back_is_never_done() -> None:
    """The model is to forget it."""
    scene = Scene()
    scene.guess(1)
    scene.committed("u1")
    scene.created("r1")
    call(scene, "r1", "c1")
    scene.done("r1")
    scene.resume(1)
    assert scene.called == []
    assert ("i_c1", None) in scene.memory_edits
    assert not scene.core._tools.is_running


def test_a_failed_response_that_has_called_is_not_asked_for_again() -> None:
    """Its call is carried out already; asked anew, the model would make it a second time. The result asks."""
    scene = asked()
    call(scene, "r1", "c1")
    scene.done("r1", "failed", status_details={"error": {"code": "server_error", "message": "oops"}})
    scene.wait(3)
    assert requests(scene) == 1
    result(scene, "c1")
    assert requests(scene) == 2
    scene.answer(2)
    scene.played(2, 2000, ended=True)
    assert scene.core.is_quiet


def play_rounds(scene: Scene, rounds: int) -> None:
    """The model calls a tool in so many responses in a row."""
    for number in range(1, rounds + 1):
        if number > 1:
            scene.created(f"r{number}")
        call(scene, f"r{number}", f"c{number}")
        scene.done(f"r{number}")
        result(scene, f"c{number}")


def test_after_too_many_rounds_the_model_has_to_answer() -> None:
    """No tools any more, and the session's instructions repeated, because a response's replace them."""
    scene = asked(max_tool_rounds=3, instructions="Be kind.")
    play_rounds(scene, 3)
    last = scene.of("response.create")[-1]["response"]
    assert last["tool_choice"] == "none"
    assert last["instructions"] == f"Be kind.\n{ANSWER_NOW}"
    assert all("tool_choice" not in event["response"] for event in scene.of("response.create")[:-1])
    scene.answer(4)
    scene.turn(2, item="u2")
    assert "tool_choice" not in scene.of("response.create")[-1]["response"], "the next turn begins anew"


def test_a_model_that_calls_tools_all_the_same_is_stopped() -> None:
    """A server may not know `tool_choice`; the person is told instead of waiting for ever."""
    scene = asked(max_tool_rounds=2)
    play_rounds(scene, 2)
    scene.created("r3")
    call(scene, "r3", "c3")
    scene.done("r3")
    result(scene, "c3")
    assert requests(scene) == 3
    assert scene.silent == [1]
    assert "Sorry" in scene.captions[-1].text
    assert scene.core.is_quiet


def test_a_server_without_instructions_for_a_response_is_only_told_of_no_tools() -> None:
    """What it does not take is not sent."""
    scene = asked(max_tool_rounds=1, capabilities=Capabilities(instructions_per_response=False))
    play_rounds(scene, 1)
    assert set(scene.of("response.create")[-1]["response"]) == {"metadata", "tool_choice"}


@pytest.mark.parametrize("item", [{"call_id": "", "name": "look"}, {"call_id": "c1", "name": ""}, {"name": 7}])
def test_a_call_that_names_nothing_is_none(item: dict[str, Any]) -> None:
    """The model forgets it, and the person does not wait."""
    scene = asked()
    whole = {"id": "i1", "type": "function_call", "arguments": "{}", **item}
    scene.model("response.output_item.added", response_id="r1", item=whole)
    scene.model("response.output_item.done", response_id="r1", item=whole)
    scene.done("r1")
    assert scene.called == []
    assert scene.memory_edits == [("i1", None)]
    assert scene.silent == [1]


def test_a_result_of_no_known_call_changes_nothing() -> None:
    """Neither memory nor history."""
    scene = asked()
    before = (len(scene.sent), len(scene.history))
    result(scene, "who")
    assert (len(scene.sent), len(scene.history)) == before


def test_what_is_no_text_is_made_one() -> None:
    """Half a surrogate, which JSON may hold, fits into no record; no arguments are an empty object."""
    scene = asked()
    item = {"id": "i1", "type": "function_call", "call_id": "c\ud800", "name": "look"}
    scene.model("response.output_item.done", response_id="r1", item=item)
    scene.done("r1")
    assert (scene.called[0].call_id, scene.called[0].arguments) == ("c?", "{}")
    assert json.loads(scene.called[0].arguments) == {}


def test_a_result_of_an_older_turn_takes_nothing_from_a_newer_one() -> None:
    """The newer turn waits to be asked about: one response answers both, and is the newer turn's."""
    scene = asked()
    call(scene, "r1", "c1")
    scene.done("r1")
    scene.turn(2, item="u2")
    scene.turn(3, item="u3")
    result(scene, "c1")
    scene.created("r2")
    scene.done("r2")
    assert scene.of("response.create")[-1]["response"]["metadata"]["turn"] == "3"
    assert requests(scene) == 3


# The wait for a slow tool.


def slow_scene(**manner: Any) -> Scene:
    """A scene whose tool takes its time."""
    scene = asked(filler="One moment.", **manner)
    call(scene, "r1", "c1")
    scene.done("r1")
    return scene


def fillers(scene: Scene) -> int:
    """How often the filler was asked for."""
    return sum("One moment." in event["response"].get("instructions", "") for event in scene.of("response.create"))


def test_a_slow_tool_is_bridged_once() -> None:
    """After 1.5 s of silence, not before, and not again however long it takes; then the result is answered for."""
    scene = slow_scene()
    scene.wait(1.4)
    assert fillers(scene) == 0
    scene.wait(0.15)
    assert fillers(scene) == 1
    scene.answer(2, words="One moment.")
    scene.wait(2)
    scene.played(2, 2000, ended=True)
    scene.wait(10)
    assert fillers(scene) == 1
    result(scene, "c1")
    assert requests(scene) == 3


def test_a_fast_tool_needs_no_bridge() -> None:
    """Nothing but the answer is said."""
    scene = slow_scene()
    scene.wait(1)
    result(scene, "c1")
    scene.wait(5)
    assert fillers(scene) == 0


def test_words_that_are_still_heard_bridge_by_themselves() -> None:
    """The filler comes only when it would be silent otherwise."""
    scene = asked(filler="One moment.")
    scene.speak("r1", "a1", 4000, "let me look that up for you")
    call(scene, "r1", "c1")
    scene.done("r1")
    scene.wait(3)
    assert fillers(scene) == 0
    scene.played(1, 4000, ended=True)
    scene.wait(0.1)
    assert fillers(scene) == 1


def test_nobody_is_talked_over_by_a_filler() -> None:
    """While the person speaks they are not waiting."""
    scene = slow_scene()
    scene.wait(1)
    scene.vad(speech_started=broker.SpeechStarted(turn=2))
    scene.wait(3)
    assert fillers(scene) == 0


def test_no_filler_for_a_wait_that_nobody_has() -> None:
    """After an interruption nobody waits for the tool."""
    scene = slow_scene()
    scene.interrupt(1)
    scene.wait(5)
    assert fillers(scene) == 0


# end_conversation.


def hangup_reasons(scene: Scene) -> list[str]:
    """Why vad was told to hang up."""
    told = [response.hangup for response in scene.to_vad if response.HasField("hangup")]
    return [type(hangup).Reason.Name(hangup.reason)[7:] for hangup in told]


def test_the_model_ends_the_conversation_after_its_words() -> None:
    """It has said goodbye in the same response: no other is asked for, and the session ends when that was heard."""
    scene = asked()
    scene.speak("r1", "a1", 900, "goodbye then")
    call(scene, "r1", "c1", END_CONVERSATION)
    scene.done("r1")
    assert scene.called == [], "nobody else can end it"
    assert told(scene) == [("c1", ENDED)]
    scene.wait(1)
    assert hangup_reasons(scene) == []
    scene.played(1, 900, ended=True)
    scene.wait(5)
    assert hangup_reasons(scene) == ["ASSISTANT"]
    assert requests(scene) == 1


def test_a_model_that_ends_it_without_a_word_is_asked_for_one() -> None:
    """Nobody is hung up on in silence."""
    scene = asked()
    call(scene, "r1", "c1", END_CONVERSATION)
    scene.done("r1")
    assert told(scene) == [("c1", SAY_GOODBYE)]
    assert requests(scene) == 2
    scene.answer(2, 700, "bye")
    scene.wait(1)
    assert hangup_reasons(scene) == []
    scene.played(2, 700, ended=True)
    scene.wait(1)
    assert hangup_reasons(scene) == ["ASSISTANT"]


def test_whoever_goes_on_after_the_models_goodbye_stays() -> None:
    """The session ends only if the person leaves it at that."""
    scene = asked()
    scene.speak("r1", "a1", 900, "goodbye then")
    call(scene, "r1", "c1", END_CONVERSATION)
    scene.done("r1")
    scene.interrupt(1)
    scene.played(1, 400, seq=1)
    scene.turn(2, item="u2", speech_ms=3000, interruption=True)
    scene.answer(2)
    scene.played(2, 2000, ended=True)
    scene.wait(5)
    assert hangup_reasons(scene) == []


def test_an_interruption_before_the_response_has_ended_keeps_the_session() -> None:
    """The call was made already: the model learns that the person stays, and nothing is left open."""
    scene = asked()
    scene.speak("r1", "a1", 900, "goodbye then")
    call(scene, "r1", "c1", END_CONVERSATION)
    scene.interrupt(1)
    scene.played(1, 400, seq=1)
    scene.done("r1", "cancelled")
    assert told(scene) == [("c1", STAYED)]
    assert requests(scene) == 1
    scene.wait(5)
    assert hangup_reasons(scene) == []
    assert scene.core.is_quiet


def test_a_connection_that_breaks_at_the_models_goodbye_does_not_keep_the_session_open() -> None:
    """The words that came are heard, and then it ends; the new model knows that it has been carried out."""
    scene = asked(closing=Closing(silence_s=0))
    scene.speak("r1", "a1", 900, "goodbye then")
    call(scene, "r1", "c1", END_CONVERSATION)
    break_off(scene)
    rebuild(scene)
    assert told(scene) == [("c1", ENDED)]
    scene.played(1, 900, ended=True)
    scene.wait(5)
    assert hangup_reasons(scene) == ["ASSISTANT"]


def test_a_turn_that_goes_on_undoes_the_end() -> None:
    """A resumed turn is no goodbye: its answer, call and all, is as if it had never been."""
    scene = asked()
    scene.speak("r1", "a1", 900, "goodbye then")
    call(scene, "r1", "c1", END_CONVERSATION)
    scene.interrupt(1, Cause.CAUSE_TURN_RESUMED)
    scene.resume(1)
    scene.done("r1", "cancelled")
    scene.turn(1, item="u2")
    scene.answer(2)
    scene.played(2, 2000, ended=True)
    scene.wait(5)
    assert hangup_reasons(scene) == []
    assert scene.core.is_quiet
