"""The ears: what the model is given of the person's turns, and what becomes of their words."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import broker_service_pb2 as broker
from services.broker.input_buffer import MIN_COMMIT_MS
from services.broker.parts import TRANSCRIPT_LOST_S
from services.common.errors import ProtocolFault
from tests.unit.broker.scene import Cause, Scene


def given_pcm(scene: Scene) -> bytes:
    """All audio appended so far."""
    return b"".join(base64.b64decode(event["audio"]) for event in scene.of("input_audio_buffer.append"))


def hear(scene: Scene, pcm: bytes, turn: int = 1) -> None:
    """Let a piece of a turn arrive."""
    scene.vad(audio=broker.TurnAudio(turn=turn, pcm=pcm))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 1600), min_size=1, max_size=12))
def test_resampling_keeps_the_length(pieces: list[int]) -> None:
    """Any pieces at 16 kHz become 3/2 as many samples at 24 kHz, within one, or what the model takes at least."""
    scene = Scene()
    for samples in pieces:
        hear(scene, bytes(samples * 2))
    scene.vad(turn_ended=broker.TurnEnded(turn=1))
    least = MIN_COMMIT_MS * 24
    assert abs(len(given_pcm(scene)) // 2 - max(sum(pieces) * 3 // 2, least)) <= 1


def test_a_tone_stays_a_tone_and_in_place() -> None:
    """The flush at the turn's end makes up for the resampler's delay: no sample of the turn is lost or moved."""
    scene = Scene()
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 16000)).astype("<i2")
    for start in range(0, 8000, 1600):
        hear(scene, tone[start : start + 1600].tobytes())
    scene.vad(turn_ended=broker.TurnEnded(turn=1))
    found = np.frombuffer(given_pcm(scene), "<i2").astype(float)
    expected = 8000 * np.sin(2 * np.pi * 440 * np.arange(len(found)) / 24000)
    middle = slice(1000, -1000)
    assert np.abs(found[middle] - expected[middle]).max() < 50


def test_a_short_turn_is_filled_up_to_what_the_model_takes() -> None:
    """20 ms of "no" are committed with silence behind; the commit comes after all of it."""
    scene = Scene()
    hear(scene, b"\x10\x10" * 320)
    scene.vad(turn_ended=broker.TurnEnded(turn=1))
    pcm = given_pcm(scene)
    assert len(pcm) // 2 == MIN_COMMIT_MS * 24
    assert pcm.endswith(bytes(1000))
    assert scene.steps == ["commit", "create"]
    assert scene.sent[-2]["type"] == "input_audio_buffer.commit"


def test_dismissed_speech_is_cleared_and_leaves_no_trace_in_the_next_turn() -> None:
    """A cough goes from the model's buffer, and from the resampler's memory too."""
    scene = Scene()
    hear(scene, b"\x00\x40" * 1600)
    scene.vad(speech_dismissed=broker.SpeechDismissed(turn=1))
    assert scene.steps == ["clear"]
    scene.sent.clear()
    hear(scene, bytes(3200), turn=2)
    scene.vad(turn_ended=broker.TurnEnded(turn=2))
    assert np.abs(np.frombuffer(given_pcm(scene), "<i2")).max() <= 1  # dither


def test_nothing_to_clear_sends_nothing() -> None:
    """A dismissal without audio is no event."""
    scene = Scene()
    scene.vad(speech_dismissed=broker.SpeechDismissed(turn=1))
    assert scene.sent == []


def test_half_a_sample_is_refused() -> None:
    """The fault is vad's, and the message says what it is."""
    with pytest.raises(ProtocolFault, match="half a sample"):
        hear(Scene(), b"abc")


def test_transcripts_find_their_turns_in_any_order() -> None:
    """Two parts of a resumed turn: words are joined by item, and history keeps the order of speaking."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.interrupt(1, Cause.CAUSE_TURN_RESUMED)
    scene.vad(turn_resumed=broker.TurnResumed(turn=1))
    scene.turn(1, item="u2")
    scene.transcript("u2", "with extra cheese")
    assert scene.said == []
    scene.transcript("u1", "A pizza")
    assert scene.said == [("user", "A pizza"), ("user", "with extra cheese")]
    assert scene.answered == [1, 1]


def test_words_are_shown_as_they_come() -> None:
    """Deltas are captions in progress; the whole line is final."""
    scene = Scene()
    scene.turn(1, item="u1")
    kind = "conversation.item.input_audio_transcription.delta"
    scene.model(kind, item_id="u1", delta="Hel")
    scene.model(kind, item_id="u1", delta="lo")
    scene.transcript("u1", " Hello ")
    assert [(c.text, c.final) for c in scene.captions] == [("Hel", False), ("lo", False), ("Hello", True)]
    scene.model(kind, item_id="u1", delta="late")
    scene.transcript("u1", "again")
    assert len(scene.captions) == 3


def test_a_failed_transcription_enters_history_without_words() -> None:
    """The answer keeps its question's place, and vad need not keep the audio."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.model("conversation.item.input_audio_transcription.failed", item_id="u1", error={"code": "x"})
    assert (scene.said, scene.answered) == ([("user", "")], [1])


def test_a_transcript_that_never_comes_is_given_up() -> None:
    """With transcription off, turns still enter history, vad lets go of their audio, and nothing piles up."""
    scene = Scene()
    for turn in range(1, 41):
        scene.turn(turn, item=f"u{turn}")
        scene.answer(turn)
        scene.played(turn, 2000, ended=True)
        scene.wait(TRANSCRIPT_LOST_S + 0.1)
    assert scene.said == [line for _ in range(40) for line in (("user", ""), ("assistant", "one two three four"))]
    assert scene.answered == list(range(1, 41))
    assert len(scene.core._ears.parts.pending) == 0
    scene.transcript("u40", "too late")
    assert len(scene.history) == 80


def test_commits_that_are_never_confirmed_do_not_pile_up() -> None:
    """A server that never says `committed`: the turns are given up and their records bounded."""
    scene = Scene()
    for turn in range(1, 101):
        scene.turn(turn)
        scene.answer(turn)
        scene.played(turn, 2000, ended=True)
        scene.wait(TRANSCRIPT_LOST_S + 0.1)
    assert len(scene.core._ears._uncommitted) <= 64
    assert len(scene.core._ears.parts.pending) == 0
    assert len(scene.history) == 200


def test_a_refused_commit_is_no_turn() -> None:
    """By our event id, whatever the code: vad learns it, no answer is heard, and later transcripts still match."""
    scene = Scene()
    scene.turn(1)
    scene.refuse("some_new_code", scene.of("input_audio_buffer.commit")[0]["event_id"])
    assert (scene.silent, scene.answered) == ([1], [1])
    scene.created("r1")
    assert scene.of("response.cancel") == [{**scene.of("response.cancel")[0], "response_id": "r1"}]
    scene.done("r1", "cancelled")
    scene.turn(2, item="u2")
    scene.transcript("u2", "hello")
    assert scene.said == [("user", "hello")]


def test_an_empty_commit_without_an_event_id_is_the_oldest() -> None:
    """Some servers don't say which event they refuse."""
    scene = Scene()
    scene.turn(1)
    scene.refuse("input_audio_buffer_commit_empty", None)
    assert scene.silent == [1]


def test_a_typed_turn_keeps_its_place() -> None:
    """Typed over a reply: what was heard of the reply comes first in history though it is known later."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.transcript("u1", "hello")
    scene.answer(1)
    scene.played(1, 1000)
    scene.interrupt(1, Cause.CAUSE_TYPED)
    scene.vad(typed=broker.Typed(turn=2, text="never mind"))
    assert [role for role, _ in scene.said] == ["user"]
    scene.played(1, 1000, seq=1)
    assert scene.said == [("user", "hello"), ("assistant", "one two"), ("user", "never mind")]
    assert scene.steps[-3:] == ["item.create", "item.truncate", "create"]
