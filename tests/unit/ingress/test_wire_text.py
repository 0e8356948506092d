"""Text frames of the WebSocket door: protobuf JSON both ways, and a plain word for everything that is none."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.desktop import websocket_frames
from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import session_pb2, stream_pb2
from services.common.errors import ProtocolFault
from services.ingress.wire_text import decode_text, encode_text

U64 = st.integers(0, 2**64 - 1)
U32 = st.integers(0, 2**32 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))

NAMES = st.sampled_from(["open", "say", "text", "playback", "position", "audio", "protocol", "heartbeat"]) | st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
)

REQUESTS = st.one_of(
    st.builds(wire.ConverseRequest, open=st.builds(wire.Open, protocol=U32, agent=TEXT, echo=st.sampled_from([0, 1]))),
    st.builds(wire.ConverseRequest, say=st.builds(wire.Say, text=TEXT)),
    st.builds(
        wire.ConverseRequest,
        playback=st.builds(audio.Playback, reply=U64, position=U64, mic_offset=U64, ended=st.booleans()),
    ),
    st.builds(wire.ConverseRequest, flushed=st.builds(audio.Flushed, seq=U64, reply=U64, position=U64)),
    st.builds(wire.ConverseRequest, push_to_talk=st.builds(wire.PushToTalk, pressed=st.booleans())),
    st.just(wire.ConverseRequest(interrupt=wire.ConverseRequest.Interrupt())),
)
RESPONSES = st.one_of(
    st.builds(
        wire.ConverseResponse,
        caption=st.builds(wire.Caption, who=st.sampled_from([0, 1, 2]), text=TEXT, reply=U64, final=st.booleans()),
    ),
    st.builds(wire.ConverseResponse, flush=st.builds(wire.Flush, seq=U64, floor=U64)),
    st.builds(wire.ConverseResponse, duck=st.builds(wire.Duck, seq=U64, gain_db=st.floats(-100, 0, width=32))),
    st.builds(wire.ConverseResponse, error=st.builds(stream_pb2.Error, code=st.integers(0, 11), message=TEXT)),
    st.builds(
        wire.ConverseResponse,
        state=st.builds(wire.State, state=st.sampled_from(session_pb2.ConversationState.values()), turn=U64),
    ),
)


@given(REQUESTS)
def test_a_request_comes_through(request: wire.ConverseRequest) -> None:
    """What the client writes the server reads."""
    text = websocket_frames.encode(request)
    assert isinstance(text, str)
    assert decode_text(text) == request


@given(RESPONSES)
def test_a_response_comes_through(response: wire.ConverseResponse) -> None:
    """What the server writes the client reads, and it is one line."""
    text = encode_text(response)
    assert "\n" not in text
    assert websocket_frames.decode(text) == response


@pytest.mark.parametrize("text", ['{"pushToTalk":{"pressed":true}}', '{"push_to_talk":{"pressed":true}}'])
def test_both_ways_of_writing_a_name_are_taken(text: str) -> None:
    """As JSON has it, and as the protos have it."""
    assert decode_text(text).push_to_talk.pressed


def test_numbers_of_64_bits_may_be_text_or_numbers() -> None:
    """JavaScript can't hold them all, so the mapping writes them as text; both are read."""
    assert decode_text('{"flushed":{"seq":"3","reply":2}}').flushed == audio.Flushed(seq=3, reply=2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must be one JSON object"),
        ("hello", "must be one JSON object"),
        ("[]", "must be one JSON object"),
        ("null", "must be one JSON object"),
        ('{"say":', "not a ConverseRequest in protobuf JSON"),
        ('{"say":{"text":"a"}} {}', "not a ConverseRequest in protobuf JSON"),
        ('{"opne":{}}', 'no field named "opne"'),
        ('{"say":{"txt":"a"}}', 'no field named "txt"'),
        ('{"say":{"text":5}}', "Failed to parse text field"),
        ('{"say":{"text":"\\ud800"}}', "Unpaired surrogate"),
        ('{"open":{},"say":{}}', "multiple"),
        ('{"open":{"protocol":-1}}', "out of range"),
        ('{"open":{"echo":"ECHO_LOUD"}}', "ECHO_LOUD"),
        ('{"playback":{"position":"99999999999999999999"}}', "out of range"),
        ('{"playback":{"position":NaN}}', "position"),
        ('{"playback":{"position":' + "9" * 5000 + "}}", "not a ConverseRequest"),
        ('{"say":' * 5000, "not a ConverseRequest"),
        ('{"audio":{"micOffset":"0"}}', "audio came as text: send it as a binary frame"),
        ('{"audio":{}}', "audio came as text"),
    ],
)
def test_what_is_no_message_is_refused_in_plain_words(text: str, words: str) -> None:
    """The words name what is wrong, in one line of bounded length."""
    with pytest.raises(ProtocolFault, match=words) as refused:
        decode_text(text)
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 500


@given(st.one_of(st.text(), JSON.map(json.dumps)))
def test_any_text_is_a_request_or_a_fault(text: str) -> None:
    """Nothing else can come of it."""
    with suppress(ProtocolFault):
        assert decode_text(text).WhichOneof("message") != "audio"
