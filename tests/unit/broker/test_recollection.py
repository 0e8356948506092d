"""Recollection: what a new connection's model is told, in order, and that it is what was said and heard."""

from __future__ import annotations

from typing import Any

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from services.broker.history import MOST_CHARACTERS
from services.broker.questions import CONTINUE
from services.broker.recollection import OMITTED, RESUMED
from services.broker.upstream.capabilities import Capabilities
from tests.unit.broker.scene import Cause, Scene


def exchange(scene: Scene, turn: int, words: str = "hello", answer: str = "hi there") -> None:
    """A turn, understood, answered and heard."""
    scene.turn(turn, item=f"u{turn}")
    scene.transcript(f"u{turn}", words)
    number = int(scene.of("response.create")[-1]["response"]["metadata"]["reply"])
    scene.answer(number, 2000, answer)
    scene.played(number, 2000, ended=True)


def reconnect(scene: Scene) -> list[str]:
    """The connection breaks and is made anew; return what is sent then: kinds, and words where there are any."""
    scene.take(scene.core.lose_model(scene.now_s))
    before = len(scene.sent)
    scene.take(scene.core.rebuild(scene.now_s))
    return [_shown(event) for event in scene.sent[before:] if not event["type"].endswith("append")]


def _shown(event: dict[str, Any]) -> str:
    item = event.get("item", {})
    if item.get("type") == "message":
        return f"{item['role']}: {item['content'][0]['text']}"
    return str(item.get("type") or event["type"].split(".")[-1])


def test_the_talk_is_told_oldest_first_after_a_word_of_the_systems() -> None:
    """Answered turns as text; nobody is asked anything."""
    scene = Scene()
    exchange(scene, 1)
    exchange(scene, 2, "and now?", "fine")
    assert reconnect(scene) == [
        f"system: {RESUMED}",
        "user: hello",
        "assistant: hi there",
        "user: and now?",
        "assistant: fine",
    ]
    assert scene.core.is_quiet


def test_a_talk_that_has_not_begun_needs_no_word() -> None:
    """A connection lost before anybody spoke."""
    assert reconnect(Scene()) == []


def test_items_have_ids_of_their_own_on_every_connection() -> None:
    """So they can be replaced, and never clash."""
    scene = Scene()
    exchange(scene, 1)
    reconnect(scene)
    reconnect(scene)
    ids = [event["item"]["id"] for event in scene.of("conversation.item.create")]
    assert len(ids) == 6
    assert len(set(ids)) == 6
    assert all(len(each) <= 32 for each in ids)


def test_an_unanswered_turn_is_given_as_sound_and_asked_about() -> None:
    """The model hears more in it than a transcript tells."""
    scene = Scene()
    exchange(scene, 1)
    scene.turn(2, item="u2")
    scene.transcript("u2", "what now?")
    told = reconnect(scene)
    assert told[-2:] == ["commit", "create"]
    assert "user: what now?" not in told
    assert scene.committed_audio[-1] == scene.committed_audio[-2]
    scene.committed("u2.2")
    scene.answer(3)
    scene.played(3, 2000, ended=True)
    assert [text for role, text in scene.said if role == "user"] == ["hello", "what now?"], "told once"


def test_what_was_said_while_the_model_was_away_is_not_lost() -> None:
    """A whole turn, and half of another: the new model is given both, then the other half."""
    scene = Scene()
    scene.take(scene.core.lose_model(scene.now_s))
    scene.turn(1)
    scene.vad(audio=broker.TurnAudio(turn=2, pcm=b"\1\1" * 1600))
    before = len(scene.sent)
    assert before == 0
    scene.take(scene.core.rebuild(scene.now_s))
    assert scene.steps == ["item.create", "commit", "create"]
    scene.committed("u1")
    scene.vad(audio=broker.TurnAudio(turn=2, pcm=b"\1\1" * 1600))
    scene.vad(turn_ended=broker.TurnEnded(turn=2, speech_ms=2000))
    assert [len(pcm) // 48 for pcm in scene.committed_audio] == [120, 200], "the short one is filled up"


def test_a_short_turn_said_while_the_model_was_away_is_filled_up() -> None:
    """What nobody was given does not count: the new model's buffer was empty."""
    scene = Scene()
    scene.take(scene.core.lose_model(scene.now_s))
    scene.vad(audio=broker.TurnAudio(turn=1, pcm=bytes(32 * 40)))
    scene.vad(turn_ended=broker.TurnEnded(turn=1, speech_ms=40))
    scene.take(scene.core.rebuild(scene.now_s))
    assert [len(pcm) // 48 for pcm in scene.committed_audio] == [120]


def test_typed_turns_are_told_as_text() -> None:
    """Whether they were answered or not, and those typed while the model was away."""
    scene = Scene()
    scene.vad(typed=broker.Typed(turn=1, text="one"))
    scene.answer(1)
    scene.played(1, 2000, ended=True)
    scene.take(scene.core.lose_model(scene.now_s))
    scene.vad(typed=broker.Typed(turn=2, text="two"))
    before = len(scene.sent)
    scene.take(scene.core.rebuild(scene.now_s))
    told = [_shown(event) for event in scene.sent[before:]]
    assert told[1:] == ["user: one", "assistant: one two three four", "user: two", "create"]


def cut_off_after(heard_ms: int) -> Scene:
    """A reply of three words of half a second each, interrupted while it was generated."""
    scene = Scene(aligned=True)
    scene.turn(1, item="u1")
    scene.transcript("u1", "count")
    scene.created("r1")
    scene.item("r1", "a1")
    for word in ("one", " two", " three"):
        scene.speak("r1", "a1", 500, word)
    scene.interrupt(1)
    scene.played(1, heard_ms, seq=1)
    scene.done("r1", "cancelled")
    return scene


def test_an_interrupted_reply_is_told_as_far_as_it_was_heard() -> None:
    """Not as far as it was generated."""
    scene = cut_off_after(1000)
    assert reconnect(scene)[1:] == ["user: count", "assistant: one two"]


def test_a_reply_of_which_no_word_was_heard_is_not_told_as_nothing() -> None:
    """A breath of it sounded, and history knows that; there are no words to be told."""
    scene = cut_off_after(50)
    assert scene.said[-1] == ("assistant", "")
    assert reconnect(scene)[1:] == ["user: count"]


def counting(scene: Scene) -> None:
    """A reply of four words of half a second each, all generated."""
    scene.turn(1, item="u1")
    scene.transcript("u1", "count")
    scene.created("r1")
    scene.item("r1", "a1")
    for word in ("one", " two", " three", " four"):
        scene.speak("r1", "a1", 500, word)
    scene.item_done("r1", "a1")
    scene.done("r1")


def test_a_reply_that_is_being_heard_is_told_whole_and_cut_when_it_is_cut_off() -> None:
    """By putting what was heard in the place of its item: text can't be truncated."""
    scene = Scene(aligned=True)
    counting(scene)
    scene.played(1, 500)
    assert reconnect(scene)[-1] == "assistant: one two three four"
    item_id = scene.sent[-1]["item"]["id"]
    before = len(scene.sent)
    scene.interrupt(1)
    scene.played(1, 1000, seq=1)
    sent = scene.sent[before:]
    assert [event["type"] for event in sent] == ["conversation.item.create", "conversation.item.delete"]
    assert sent[0]["previous_item_id"] == sent[1]["item_id"] == item_id
    assert sent[0]["item"]["content"] == [{"type": "output_text", "text": "one two"}]
    assert scene.said[-1] == ("assistant", "one two")


def test_a_reply_of_which_nothing_was_heard_is_forgotten() -> None:
    """Nothing takes its place."""
    scene = Scene(aligned=True)
    counting(scene)
    reconnect(scene)
    before = len(scene.sent)
    scene.interrupt(1)
    scene.played(1, 0, seq=1)
    assert [event["type"] for event in scene.sent[before:]] == ["conversation.item.delete"]


def test_a_reply_heard_to_its_end_is_left_as_it_was_told() -> None:
    """Nothing is replaced; another new connection is told it as history has it."""
    scene = Scene(aligned=True)
    counting(scene)
    reconnect(scene)
    before = len(scene.sent)
    scene.played(1, 2000, ended=True)
    assert scene.sent[before:] == []
    assert reconnect(scene)[1:] == ["user: count", "assistant: one two three four"]


def test_a_reply_that_broke_off_is_gone_on_with() -> None:
    """The new model is told what has a sound, and asked to go on in the middle of the sentence."""
    scene = Scene(aligned=True, instructions="Be kind.")
    scene.turn(1, item="u1")
    scene.transcript("u1", "count")
    scene.created("r1")
    scene.item("r1", "a1")
    scene.speak("r1", "a1", 500, "one")
    scene.speak("r1", "a1", 500, " two")
    told = reconnect(scene)
    assert told[1:] == ["user: count", "assistant: one two", "create"]
    assert scene.sent[-1]["response"]["instructions"] == f"Be kind.\n{CONTINUE}"


def test_a_turn_that_has_ended_since_is_answered_and_not_the_rest_of_an_older_reply() -> None:
    """Asked to go on, the model would go on with its answer before that, to which there may be nothing more to say."""
    scene = Scene(aligned=True)
    scene.turn(1, item="u1")
    scene.transcript("u1", "count")
    scene.created("r1")
    scene.item("r1", "a1")
    scene.speak("r1", "a1", 500, "one")
    scene.take(scene.core.lose_model(scene.now_s))
    scene.turn(2)
    before = len(scene.sent)
    scene.take(scene.core.rebuild(scene.now_s))
    assert [_shown(event) for event in scene.sent[before:]].count("create") == 1
    assert CONTINUE not in scene.sent[-1]["response"].get("instructions", "")


def test_an_erased_reply_was_never_said() -> None:
    """The turn it answered goes on: neither it nor a call of it is told, only the sound of the turn."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.transcript("u1", "I want")
    scene.answer(1, done=False)
    scene.interrupt(1, Cause.CAUSE_TURN_RESUMED)
    scene.resume(1)
    scene.done("r1", "cancelled")
    told = reconnect(scene)
    assert [words for words in told if words.startswith("assistant")] == []


def test_calls_are_told_with_their_results_only() -> None:
    """In the place where they were made; one that is under way is told when it is over."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.transcript("u1", "weather?")
    scene.created("r1")
    scene.speak("r1", "a1", 500, "let me see")
    for call_id in ("c1", "c2"):
        item = {"id": f"i_{call_id}", "type": "function_call", "call_id": call_id, "name": "look", "arguments": "{}"}
        scene.model("response.output_item.done", response_id="r1", item=item)
    scene.done("r1")
    scene.played(1, 500, ended=True)
    scene.take(scene.core.tool_done("c1", "sunny", session.ToolCall.STATUS_DONE, scene.now_s))
    assert reconnect(scene)[1:] == [
        "user: weather?",
        "assistant: let me see",
        "function_call",
        "function_call_output",
    ]
    before = len(scene.sent)
    scene.take(scene.core.tool_done("c2", "warm", session.ToolCall.STATUS_DONE, scene.now_s))
    assert [_shown(event) for event in scene.sent[before:]] == ["function_call", "function_call_output", "create"]


def test_a_long_conversation_is_told_from_its_newest_end() -> None:
    """As much as fits into the smallest memory in use; the model knows that there was more."""
    scene = Scene()
    for turn in range(1, 8):
        exchange(scene, turn, f"{turn}" + "x" * 5_000, f"{turn}" + "y" * 5_000)
    told = reconnect(scene)
    assert told[0] == f"system: {RESUMED}{OMITTED}"
    assert len("".join(told[1:])) <= MOST_CHARACTERS + 200
    assert told[-1].startswith("assistant: 7y")
    assert not any(words.startswith("user: 1x") for words in told)
    scene_of_two = Scene()
    exchange(scene_of_two, 1)
    assert OMITTED not in reconnect(scene_of_two)[0]


def test_one_huge_thing_is_left_out_with_what_was_before_it() -> None:
    """It alone would fill the memory; what came after is told."""
    scene = Scene()
    exchange(scene, 1, "hello", "hi")
    exchange(scene, 2, "recite", "z" * (MOST_CHARACTERS + 1))
    exchange(scene, 3, "thanks", "welcome")
    assert reconnect(scene) == [
        f"system: {RESUMED}{OMITTED}",
        "user: thanks",
        "assistant: welcome",
    ]


def test_a_server_that_answers_each_commit_is_given_nothing_to_answer_twice() -> None:
    """There an unanswered turn's sound is heard again, and committed once: by the wish for its answer."""
    scene = Scene(capabilities=Capabilities(commit_responds=True))
    scene.turn(1, item="u1")
    told = reconnect(scene)
    assert told == [f"system: {RESUMED}", "commit"]
    assert scene.of("response.create") == []
    scene.committed("u1.2")
    scene.transcript("u1.2", "hello")
    scene.model("response.created", response={"id": "r2"})
    scene.item("r2", "a2")
    scene.speak("r2", "a2", 500, "hi")
    scene.item_done("r2", "a2")
    scene.done("r2")
    scene.played(2, 500, ended=True)
    assert scene.said == [("user", "hello"), ("assistant", "hi")]
    assert scene.core.is_quiet


def test_a_server_that_answers_each_commit_is_told_known_words() -> None:
    """A turn that was written down is told as text, and asked about."""
    scene = Scene(capabilities=Capabilities(commit_responds=True))
    scene.turn(1, item="u1")
    scene.transcript("u1", "hello")
    assert reconnect(scene)[1:] == ["user: hello", "create"]
    assert len(scene.of("input_audio_buffer.commit")) == 1


def test_nobody_is_answered_twice_at_such_a_server() -> None:
    """A turn that was answered without ever being written down is not committed again."""
    scene = Scene(capabilities=Capabilities(commit_responds=True))
    scene.turn(1, item="u1")
    scene.model("response.created", response={"id": "r1"})
    scene.speak("r1", "a1", 500, "hi")
    scene.done("r1")
    scene.played(1, 500, ended=True)
    assert "commit" not in reconnect(scene)
