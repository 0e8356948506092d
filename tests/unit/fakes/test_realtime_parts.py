"""The parts of the fake Realtime server that need no socket: its ear, its plans, its beta words, its faults."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.realtime.beta import from_beta, to_beta
from tests.fakes.realtime.ear import Ear
from tests.fakes.realtime.face import HUGGING_FACE, OPENAI, SPARSE, TALKATIVE
from tests.fakes.realtime.faults import Drop, Faults, Lose, Refuse
from tests.fakes.realtime.memory import Remembered, orphans
from tests.fakes.realtime.plan import PlannedMessage, pieces_of, plan_items
from tests.fakes.realtime.script import Call, Message, Reply
from tests.fakes.realtime.session import default_session
from tests.fakes.realtime.usage import transcription_usage
from tests.fakes.realtime.wire import Refusal, client_faults, server_faults

SERVER_VAD = {"type": "server_vad", "prefix_padding_ms": 300, "silence_duration_ms": 500}


def sound(ms: int, level: int) -> bytes:
    """So much sound of this level at 24 kHz."""
    return np.full(ms * 24, level, "<i2").tobytes()


@pytest.mark.parametrize("piece_ms", [7, 20, 100, 5000])
def test_the_ear_tells_where_speech_begins_and_ends_on_the_clock_of_what_was_appended(piece_ms: int) -> None:
    """One second of silence, one of speech, one of silence, however it is cut: 700 ms with the padding, 2.5 s."""
    ear = Ear(SERVER_VAD, 0)
    pcm = sound(1000, 0) + sound(1000, 4000) + sound(1000, 10)
    size = piece_ms * 48
    found = [b for start in range(0, len(pcm), size) for b in ear.feed(pcm[start : start + size])]
    assert [(boundary.starts, boundary.at_ms) for boundary in found] == [(True, 700), (False, 2500)]


def test_a_click_is_no_speech_and_a_short_pause_ends_none() -> None:
    """40 ms of noise start nothing; 400 ms of silence end nothing where 500 are asked for."""
    ear = Ear(SERVER_VAD, 0)
    assert ear.feed(sound(200, 0) + sound(40, 9000) + sound(200, 0)) == []
    found = ear.feed(sound(200, 4000) + sound(400, 0) + sound(200, 4000))
    assert [boundary.starts for boundary in found] == [True]


def test_semantic_vad_waits_longer_for_the_less_eager() -> None:
    """The pause that ends a turn grows from high over auto to low."""
    ends = []
    for eagerness in ("high", "auto", "low"):
        ear = Ear({"type": "semantic_vad", "eagerness": eagerness}, 0)
        ends.append(ear.feed(sound(500, 4000) + sound(3000, 0))[-1].at_ms)
    assert ends == [800, 1100, 1700]


def test_a_reply_is_planned_item_by_item() -> None:
    """`output` keeps its order, and the track runs on over its messages."""
    call = Call("clock")
    items = plan_items(Reply(output=[Message("let me see", 0.5), call, Message("it is noon", 1.0)]))
    assert items[1] is call
    first, last = items[0], items[2]
    assert isinstance(first, PlannedMessage)
    assert isinstance(last, PlannedMessage)
    assert (first.track_start, first.samples, last.track_start, last.samples) == (0, 12_000, 12_000, 24_000)
    assert [word.text for word in last.words] == ["it", " is", " noon"]
    assert plan_items(Reply(output=())) == []


@pytest.mark.parametrize(("text", "count"), [("{}", 5), ('{"a":1}', 3), ("x", 1)])
def test_arguments_are_cut_into_pieces_that_make_the_whole(text: str, count: int) -> None:
    """None is empty, and none is lost."""
    pieces = pieces_of(text, count)
    assert "".join(pieces) == text
    assert all(pieces)
    assert len(pieces) <= count


def test_the_beta_session_goes_both_ways_and_is_held_to_the_official_types() -> None:
    """A flat update becomes the GA one, and the session is shown flat, without a field that beta did not have."""
    flat = {
        "modalities": ["audio", "text"],
        "voice": "alloy",
        "input_audio_format": "pcm16",
        "turn_detection": None,
        "input_audio_transcription": {"model": "whisper-1"},
    }
    update = {"type": "session.update", "session": flat}
    assert client_faults(update, beta=True) == []
    ga = from_beta(update)
    assert client_faults(ga) == []
    assert ga["session"]["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert ga["session"]["audio"]["output"] == {"voice": "alloy"}
    shown = to_beta({"type": "session.created", "event_id": "e", "session": default_session("s", "m", 0)})
    assert shown is not None
    assert server_faults(shown, beta=True) == []
    assert shown["session"]["input_audio_format"] == "pcm16"


def test_assistant_text_of_the_beta_protocol_becomes_output_text() -> None:
    """So that a history can be seeded there, too."""
    item = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "noon"}]}
    event = from_beta({"type": "conversation.item.create", "item": item})
    assert client_faults(event) == []
    assert event["item"]["content"][0]["type"] == "output_text"


def test_sessions_are_held_to_the_official_types() -> None:
    """What a session should not have is found, wherever it stands; the service's own fields are not complained of."""
    good = {"type": "session.updated", "event_id": "e", "session": default_session("s", "m", 0)}
    assert server_faults(good) == []
    assert server_faults({**good, "session": {**good["session"], "voice": "marin"}})  # type: ignore[dict-item]
    assert server_faults({"type": "session.updated", "session": good["session"]})


def test_faces_show_what_their_servers_send() -> None:
    """Names of acknowledgements, errors, metadata, and what is left out."""
    added = {"type": "conversation.item.added", "event_id": "e", "item": {}}
    assert [event["type"] for event in HUGGING_FACE.shown(added)] == ["conversation.item.created"]
    assert [event["type"].split(".")[-1] for event in TALKATIVE.shown(added)] == ["created", "added"]
    assert SPARSE.shown({"type": "session.updated", "event_id": "e"}) == []
    created = {"type": "response.created", "response": {"metadata": {"reply": "1"}}}
    assert SPARSE.shown(created)[0]["response"]["metadata"] is None
    assert OPENAI.shown(created) == [created]
    error = {"type": "error", "error": {"type": "invalid_request_error", "code": "busy", "event_id": "x"}}
    assert HUGGING_FACE.shown(error)[0]["error"] == {"type": "busy", "code": None, "event_id": "x"}
    assert SPARSE.shown(error)[0]["error"]["event_id"] is None
    assert [TALKATIVE.strange(count) is None for count in (1, 2, 3)] == [True, True, False]


def test_faults_fall_on_their_moment_once() -> None:
    """The nth event of a type, over all connections or on one, before or after it."""
    faults = Faults([Drop(after="response.created", nth=2), Drop(before="response.create", connection=1)])
    assert faults.drop("response.created", 0, before=False, ours=True) is None
    assert faults.drop("response.created", 3, before=True, ours=True) is None
    assert faults.drop("response.created", 3, before=False, ours=True) is not None
    assert faults.drop("response.created", 3, before=False, ours=True) is None
    assert faults.drop("response.create", 0, before=True, ours=False) is None
    assert faults.drop("response.create", 1, before=True, ours=False) is not None
    anything = Faults([Drop(after="*", nth=2)])
    found = [anything.drop(kind, 0, before=False, ours=ours) for kind, ours in (("a", True), ("b", False), ("c", True))]
    assert [drop is not None for drop in found] == [False, False, True]


def test_events_are_refused_and_lost_as_often_as_is_wished() -> None:
    """The second and third create are refused, the first commit is lost; everything else is carried out."""
    faults = Faults([Refuse("response.create", None, type="busy", nth=2, times=2), Lose("input_audio_buffer.commit")])
    create = {"type": "response.create"}
    assert not faults.loses(create, 0)
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            faults.loses(create, 0)
        assert (refused.value.code, refused.value.type) == (None, "busy")
    assert not faults.loses(create, 0)
    commit = {"type": "input_audio_buffer.commit"}
    assert [faults.loses(commit, 0) for _ in range(2)] == [True, False]


def test_orphans_are_calls_without_results_and_the_reverse() -> None:
    """A result before its call counts for none."""
    call, result = Remembered("call", "{}", call_id="c1"), Remembered("output", "noon", call_id="c1")
    assert orphans([call, Remembered("user", "hm"), result]) == []
    assert orphans([call]) == ["the call c1 has no result"]
    assert orphans([result, call]) == ["the result of c1 follows no call"]


def test_older_transcription_models_count_tokens_and_newer_ones_seconds() -> None:
    """Both shapes are the service's."""
    assert transcription_usage("gpt-live-transcribe", "what time", 48_000) == {"type": "duration", "seconds": 2.0}
    usage = transcription_usage("gpt-4o-transcribe", "what time", 48_000)
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (20, 3, 23)
