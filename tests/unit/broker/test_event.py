"""Whatever a server sends, the core takes it, or tells of it in its own words: no foreign exception ends a session."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from parley.v1 import broker_service_pb2 as broker
from services.broker.event import count, text
from services.broker.manner import TurnMode
from services.broker.model_settings import ModelSettings
from services.broker.servers.server import Server
from services.broker.upstream.beta import NAMES, BetaDriver
from services.broker.upstream.ga import GaDriver
from services.common.errors import ModelFault
from tests.unit.broker.scene import Scene

HALF = json.loads('"\\ud83d"')
"""The first half of a surrogate pair: what a server leaves of an emoji that it cuts in two."""

SETTINGS = ModelSettings(Server("ws://h/"), "m", "v", "", "t")

KINDS = [
    "error",
    "response.created",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.mcp_call.completed",
    "response.done",
    "conversation.item.added",
    "conversation.item.created",
    "conversation.item.deleted",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.input_audio_transcription.failed",
    *NAMES,
]
FIELDS = ["item_id", "response_id", "delta", "transcript", "audio_start_ms", "audio_end_ms", "content_index"]
FIELDS += ["item", "response", "error", "usage", "session"]
INNER = ["id", "type", "role", "name", "call_id", "arguments", "status", "status_details", "metadata", "output"]
INNER += ["content", "code", "message", "usage", "seconds", "reply", "input_tokens", "error"]
WORDS = ["", "x", "AAAA", "r1", "i1", "message", "function_call", "mcp_call", "failed", "cancelled", "1", f"a{HALF}"]
NUMBERS: list[Any] = [0, -1, 1, 250, 1.5, 10**30, 1e308, float("nan"), float("inf")]

LEAVES = st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.sampled_from(WORDS)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(INNER), inner, max_size=6)
)
EVENTS = st.builds(
    lambda kind, fields: {**fields, "type": kind},
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=7),
)


LATE = {"type": "input_audio_buffer.speech_started", "item_id": "i1", "audio_start_ms": 10**30}
COMMITTED = {"type": "input_audio_buffer.committed", "item_id": "i1"}
CUT_WORDS = {"type": "conversation.item.input_audio_transcription.completed", "item_id": "i1", "transcript": HALF}
BEGUN = {"type": "response.created", "response": {"id": "r1", "metadata": {"reply": "1"}}}
CUT_CAPTION = {"type": "response.output_audio_transcript.delta", "response_id": "r1", "item_id": "i1", "delta": HALF}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(TurnMode), st.booleans(), st.lists(EVENTS, max_size=20))
@example(TurnMode.SERVER_VAD, False, [LATE])
@example(TurnMode.PARLEY, False, [COMMITTED, CUT_WORDS])
@example(TurnMode.PARLEY, True, [BEGUN, CUT_CAPTION])
def test_a_server_may_say_anything(turns: TurnMode, is_beta: bool, events: list[dict[str, Any]]) -> None:
    """In every mode and dialect: between turns, and while an answer is asked for."""
    scene, driver = Scene(turns=turns), (BetaDriver if is_beta else GaDriver)(SETTINGS)
    for turn, event in enumerate(events, 1):
        scene.vad(speech_started=broker.SpeechStarted(turn=turn))
        scene.vad(audio=broker.TurnAudio(turn=turn, pcm=bytes(6400)))
        scene.vad(turn_ended=broker.TurnEnded(turn=turn, speech_ms=500, waited_ms=300))
        try:
            for taken in driver.incoming(event):
                scene.take(scene.core.from_model(taken, scene.now_s))
            scene.wait(0.3)
        except ModelFault:
            return


def test_half_a_character_becomes_one_that_can_be_written() -> None:
    """Captions and history are protobuf, which holds whole ones only."""
    assert text({"delta": f"so{HALF}"}, "delta") == "so?"
    assert text({"delta": "so \N{GRINNING FACE}"}, "delta") == "so \N{GRINNING FACE}"


@pytest.mark.parametrize("value", [10**30, -1, True, 1.5, "7", None])
def test_what_can_be_no_count_is_none(value: object) -> None:
    """A time in the year 10^19 is no time."""
    assert count({"audio_start_ms": value}, "audio_start_ms") == 0
