"""Capabilities: the core does nothing that a server can't, and loses nothing by it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from services.broker.faults import COMMIT_EMPTY
from services.broker.parts import TRANSCRIPT_LOST_S
from services.broker.upstream.capabilities import Capabilities
from tests.unit.broker.scene import MS, Scene


def scene_of(**can: Any) -> Scene:
    """A scene at a server that differs so from OpenAI's."""
    return Scene(capabilities=Capabilities(**can))


# A commit asks for the response.


def begun(scene: Scene, response: str) -> None:
    """The server begins a response by itself, and echoes nothing."""
    scene.model("response.created", response={"id": response})


def test_where_a_commit_asks_nothing_else_does() -> None:
    """No response.create may follow it: that would be a second response."""
    scene = scene_of(commit_responds=True)
    scene.turn(1, item="u1")
    assert scene.steps == ["commit"]
    begun(scene, "r1")
    scene.speak("r1", "a1", 500, "hi")
    scene.done("r1")
    assert scene.audio_of(1)
    scene.turn(2, item="u2")
    assert scene.steps == ["commit", "commit"]


def test_there_a_turn_waits_for_the_response_before() -> None:
    """The commit itself is held back until the model is free; both turns' sound goes with it."""
    scene = scene_of(commit_responds=True)
    scene.turn(1, item="u1")
    begun(scene, "r1")
    scene.turn(2)
    scene.turn(3)
    assert scene.steps == ["commit"]
    scene.done("r1")
    assert scene.steps == ["commit", "commit"]
    assert [len(pcm) // 48 for pcm in scene.committed_audio] == [120, 200]


def test_there_a_bare_stop_is_never_committed() -> None:
    """It would be answered."""
    scene = scene_of(commit_responds=True)
    scene.turn(1, item="u1")
    begun(scene, "r1")
    scene.speak("r1", "a1", 5000, "one two three")
    scene.done("r1")
    scene.interrupt(1)
    scene.played(1, 500, seq=1)
    scene.turn(2, speech_ms=400, interruption=True, stop_word="stop")
    assert scene.silent == [2]
    assert "commit" not in scene.steps[1:]
    scene.turn(3, item="u3")
    assert [len(pcm) // 48 for pcm in scene.committed_audio] == [120, 120], "the stop is not in it"


def test_there_a_typed_turn_and_a_tools_result_still_ask() -> None:
    """Only sound is committed."""
    scene = scene_of(commit_responds=True)
    scene.vad(typed=broker.Typed(turn=1, text="hello"))
    assert scene.steps == ["item.create", "create"]
    scene.created("r1")
    item = {"id": "i1", "type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    scene.model("response.output_item.done", response_id="r1", item=item)
    scene.done("r1")
    scene.take(scene.core.tool_done("c1", "sunny", session.ToolCall.STATUS_DONE, scene.now_s))
    assert scene.steps[-2:] == ["item.create", "create"]


def test_there_a_turn_of_nothing_is_not_apologised_for() -> None:
    """The commit is refused as empty: it was noise, and nobody waits for an answer to it."""
    scene = scene_of(commit_responds=True)
    scene.turn(1)
    scene.refuse(COMMIT_EMPTY, scene.of("input_audio_buffer.commit")[0]["event_id"])
    assert scene.silent == [1]
    assert scene.captions == []
    scene.turn(2)
    assert scene.steps == ["commit", "commit"]


def test_there_nothing_is_asked_before_a_turn_is_sure_to_be_over() -> None:
    """A guess could not be taken back."""
    scene = scene_of(commit_responds=True)
    scene.guess(1)
    assert scene.steps == []
    scene.confirm(1)
    assert scene.steps == ["commit"]


# What it can't.


def test_a_server_that_can_not_delete_is_asked_nothing_early() -> None:
    """What was committed on a guess would stay."""
    scene = scene_of(can_delete=False)
    scene.guess(1)
    assert scene.steps == []


def test_a_server_that_can_not_cancel_is_waited_for() -> None:
    """Its response goes on unheard; the next is asked for when it has ended."""
    scene = scene_of(can_cancel=False)
    scene.turn(1, item="u1")
    scene.answer(1, 1000, done=False)
    scene.interrupt(1)
    scene.played(1, 300, seq=1)
    scene.turn(2, item="u2", speech_ms=3000, interruption=True)
    assert scene.of("response.cancel") == []
    assert len(scene.of("response.create")) == 1
    before = len(scene.audio_of(1))
    scene.speak("r1", "a1", 500, " five")
    assert len(scene.audio_of(1)) == before
    scene.done("r1")
    assert len(scene.of("response.create")) == 2


def test_words_are_dictated_by_the_conversation_where_a_response_takes_none() -> None:
    """The order stands in it as the system's word, and goes before the request."""
    scene = scene_of(instructions_per_response=False)
    scene.vad(announcement=session.Announcement(id="a", text="The train is late."))
    assert scene.steps == ["item.create", "create"]
    assert '"The train is late."' in scene.of("conversation.item.create")[0]["item"]["content"][0]["text"]
    assert set(scene.of("response.create")[0]["response"]) == {"metadata"}


def test_a_server_that_echoes_nothing_is_believed() -> None:
    """The response that begins is the one asked for; one that nobody asked for is stopped."""
    scene = scene_of(echoes_metadata=False)
    scene.turn(1, item="u1")
    begun(scene, "r1")
    scene.speak("r1", "a1", 500, "hi")
    scene.done("r1")
    assert scene.audio_of(1)
    begun(scene, "r2")
    assert scene.of("response.cancel")[0]["response_id"] == "r2"


def test_a_server_that_writes_nothing_down_loses_no_turn() -> None:
    """Each stands in history without words; a short interruption is decided by ear, without waiting."""
    scene = scene_of(transcribes=False)
    scene.turn(1, item="u1")
    scene.answer(1)
    scene.interrupt(1)
    scene.played(1, 500, seq=1)
    scene.turn(2, item="u2", speech_ms=500, interruption=True)
    assert len(scene.of("response.create")) == 2
    scene.answer(2)
    scene.played(2, 2000, ended=True)
    scene.turn(3, item="u3", speech_ms=400, interruption=True, stop_word="stop")
    assert scene.silent == [3]
    scene.wait(TRANSCRIPT_LOST_S + 0.2)
    assert [text for role, text in scene.said if role == "user"] == ["", "", ""]


# Rates.


@pytest.mark.parametrize("hz", [8_000, 16_000, 24_000])
def test_what_the_model_is_given_is_as_long_at_its_rate(hz: int) -> None:
    """A second is a second."""
    scene = scene_of(input_hz=hz)
    for _ in range(10):
        scene.vad(audio=broker.TurnAudio(turn=1, pcm=bytes(3200)))
    scene.vad(turn_ended=broker.TurnEnded(turn=1, speech_ms=1000))
    given = sum(len(base64.b64decode(event["audio"])) for event in scene.of("input_audio_buffer.append"))
    assert abs(given // 2 - hz) <= 1


def test_sound_at_the_microphones_rate_is_given_as_it_is() -> None:
    """Sample by sample."""
    scene = scene_of(input_hz=16_000)
    pcm = bytes(range(256)) * 20
    scene.vad(audio=broker.TurnAudio(turn=1, pcm=pcm))
    assert base64.b64decode(scene.sent[0]["audio"]) == pcm


def speak_at(scene: Scene, hz: int, ms: int) -> None:
    """The model speaks at its own rate, in pieces that cut samples in two."""
    scene.turn(1, item="u1")
    scene.created("r1")
    scene.item("r1", "a1")
    pcm = bytes(ms * hz // 1000 * 2)
    for start in range(0, len(pcm), 1001):
        delta = base64.b64encode(pcm[start : start + 1001]).decode()
        scene.model("response.output_audio.delta", response_id="r1", item_id="a1", delta=delta, content_index=0)


@pytest.mark.parametrize("hz", [8_000, 16_000, 24_000])
def test_what_is_heard_is_as_long_as_what_the_model_said(hz: int) -> None:
    """To the sample, once the item has ended."""
    scene = scene_of(output_hz=hz)
    speak_at(scene, hz, 1000)
    scene.item_done("r1", "a1")
    scene.done("r1")
    assert len(scene.audio_of(1)) // 2 == 1000 * MS
    ended = [request.reply_ended.samples for request in scene.to_egress if request.HasField("reply_ended")]
    assert ended == [1000 * MS]


def test_a_cut_is_in_milliseconds_whatever_the_rate() -> None:
    """Where it fell silent by the listener's clock is where the model's memory ends."""
    scene = scene_of(output_hz=16_000)
    speak_at(scene, 16_000, 1000)
    scene.item_done("r1", "a1")
    scene.done("r1")
    scene.interrupt(1)
    scene.played(1, 640, seq=1)
    assert scene.memory_edits == [("a1", 640)]


def test_no_cut_goes_beyond_what_has_come_at_another_rate() -> None:
    """The resampler holds a little back: what was not heard yet can't be kept either."""
    scene = scene_of(output_hz=16_000)
    speak_at(scene, 16_000, 300)
    scene.interrupt(1)
    scene.played(1, 300, seq=1)
    (item, kept_ms), *_ = scene.memory_edits
    assert item == "a1"
    assert kept_ms is not None
    assert 250 < kept_ms <= 300
