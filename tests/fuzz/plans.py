"""Plans: what one bad client does at a door, as Hypothesis makes it up: good messages, spoilt ones, and noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from parley.v1 import conversation_service_pb2 as wire
from tests.fuzz.seeds import REQUESTS, frames, masked

ENDINGS: Final = ("end", "vanish", "hear", "deaf")
"""How it goes: with `end`, without a word, by waiting for the other side, or without reading."""
_MOST_STEPS: Final = 12
_EDGES: Final = (0, 1, 2, 319, 320, 640, (1 << 31) - 1, (1 << 32) - 1, 1 << 53, (1 << 63) - 1, (1 << 64) - 1)


@dataclass(frozen=True)
class Plan:
    """One connection's."""

    has_token: bool
    opens: bool
    """Whether it begins with a good `open`."""
    steps: tuple[bytes, ...]
    """Messages as the door takes them: protobuf, or WebSocket's frames."""
    ending: str


def plans(door: str) -> st.SearchStrategy[Plan]:
    """Return those of a door: "grpc", "websocket", or "http2": bytes that are no gRPC at all."""
    step = {"grpc": _grpc_steps, "websocket": _websocket_steps, "http2": _http2_steps}[door]()
    return st.builds(
        Plan,
        has_token=st.booleans(),
        opens=st.booleans(),
        steps=st.lists(step, max_size=_MOST_STEPS).map(tuple),
        ending=st.sampled_from(ENDINGS),
    )


def requests() -> st.SearchStrategy[wire.ConverseRequest]:
    """Return messages of any kind, their fields filled with whatever fits."""
    made: st.SearchStrategy[Any] = _messages(wire.ConverseRequest.DESCRIPTOR, wire.ConverseRequest)
    return st.one_of(st.sampled_from(REQUESTS), made)


def _grpc_steps() -> st.SearchStrategy[bytes]:
    whole = requests().map(lambda request: request.SerializeToString())
    return st.one_of(whole, st.builds(_spoilt, whole, st.integers(0, 1 << 16), st.binary(max_size=8)), st.binary())


def _websocket_steps() -> st.SearchStrategy[bytes]:
    good = requests().map(lambda request: frames([request]))
    odd = st.builds(
        masked,
        st.integers(0, 15),
        st.one_of(
            st.binary(max_size=300), st.text(max_size=80).map(str.encode), st.integers(69_000, 70_000).map(bytes)
        ),
        fin=st.booleans(),
        mask=st.binary(min_size=4, max_size=4),
    )
    spoilt = st.builds(_spoilt, st.one_of(good, odd), st.integers(0, 1 << 16), st.binary(max_size=8))
    pieces = good.map(lambda frame: b"".join(masked(0 if at else 2, frame[at : at + 7], fin=False) for at in (0, 7)))
    return st.one_of(good, odd, spoilt, pieces, st.binary(max_size=64))


def _http2_steps() -> st.SearchStrategy[bytes]:
    framed = st.builds(
        lambda kind, flags, stream, body: len(body).to_bytes(3, "big") + bytes((kind, flags)) + stream + body,
        st.integers(0, 12),
        st.integers(0, 255),
        st.binary(min_size=4, max_size=4),
        st.binary(max_size=64),
    )
    return st.one_of(framed, st.binary(max_size=200))


def _spoilt(good: bytes, at: int, by: bytes) -> bytes:
    at %= len(good) + 1
    return good[:at] + by + good[at + len(by) :]


def _messages(of: Descriptor, make: Callable[[], Message]) -> st.SearchStrategy[Message]:
    @st.composite
    def filled(draw: st.DrawFn) -> Message:
        message = make()
        _fill(draw, message, of, 2)
        return message

    return filled()


def _fill(draw: st.DrawFn, message: Message, of: Descriptor, depth: int) -> None:
    for field in draw(st.lists(st.sampled_from(list(of.fields)), max_size=4)) if of.fields else ():
        if field.message_type is not None:
            inner: Message = getattr(message, field.name)
            inner.SetInParent()
            if depth:
                _fill(draw, inner, field.message_type, depth - 1)
        elif not field.is_repeated:
            setattr(message, field.name, draw(_values(field)))


def _values(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
            return st.one_of(st.binary(max_size=64), st.integers(0, 20_000).map(bytes))
        case FieldDescriptor.CPPTYPE_STRING:
            return st.text(max_size=100)
        case FieldDescriptor.CPPTYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.CPPTYPE_ENUM:
            return st.integers(0, 12)
        case FieldDescriptor.CPPTYPE_FLOAT | FieldDescriptor.CPPTYPE_DOUBLE:
            return st.floats(width=32)
    most = (1 << {FieldDescriptor.CPPTYPE_UINT32: 32, FieldDescriptor.CPPTYPE_INT32: 31}.get(field.cpp_type, 63)) - 1
    return st.one_of(st.sampled_from([edge for edge in _EDGES if edge <= most]), st.integers(0, most))
