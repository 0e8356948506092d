"""docs/protocol.md can't drift: its examples go through the door's own codec, its tables name every field."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2
from services.ingress import upgrade, websocket
from services.ingress.audio_header import decode_microphone, encode_reply
from services.ingress.echo.notice import notice_of
from services.ingress.echo.watch import Watch
from services.ingress.farewell import code_of, counter_of, farewell
from services.ingress.limits import Limits
from services.ingress.version import NEWEST, OLDEST
from services.ingress.wire_text import decode_text, encode_text

DOCUMENT = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()
BLOCKS = re.findall(r"^```(\S+(?: \S+)?)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def lines(kind: str) -> list[str]:
    """Return the lines of all blocks of a kind."""
    return [line for name, block in BLOCKS if name == kind for line in block.splitlines()]


def said(mark: str) -> list[str]:
    """Return what one side of the session by hand sent as text."""
    return [line[2:] for line in lines("session") if line.startswith(mark + " {")]


def section(heading: str) -> str:
    """Return one section."""
    return DOCUMENT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(heading: str) -> dict[str, str]:
    """Return a section's table rows by the word in their first column."""
    found = re.findall(r"^\| `(\w+)` \|(.*)\|$", section(heading), re.MULTILINE)
    return dict(found)


@pytest.mark.parametrize("text", [*lines("json client"), *said(">")])
def test_what_the_client_sends_is_taken(text: str) -> None:
    """Every example of a client's text frame is read by the server, and holds something."""
    assert decode_text(text).WhichOneof("message")


@pytest.mark.parametrize("text", [*lines("json server"), *said("<")])
def test_what_the_server_sends_is_what_it_would_send(text: str) -> None:
    """Every example of a server's text frame is, to the byte, how the server writes that message."""
    response = json_format.Parse(text, wire.ConverseResponse())
    assert encode_text(response) == text


def test_the_hex_means_what_is_said() -> None:
    """Each binary frame, spelled out, is the message that stands below it."""
    blocks = [(name, block) for name, block in BLOCKS if name.startswith("hex") or name == "json meaning"]
    pairs = list(zip(blocks[::2], blocks[1::2], strict=True))
    assert [name for (name, _), _ in pairs] == ["hex client", "hex server"]
    for (name, spelled), (_, meaning) in pairs:
        frame = bytes.fromhex(re.sub("#.*", "", spelled))
        if name == "hex client":
            assert decode_microphone(frame) == json_format.Parse(meaning, wire.ConverseRequest())
        else:
            assert encode_reply(json_format.Parse(meaning, wire.ConverseResponse())) == frame


def test_the_sound_in_the_session_has_the_header_of_a_reply() -> None:
    """What really came back begins as the table says."""
    frames = [bytes.fromhex(line[11:-1]) for line in lines("session") if line.startswith("< (binary) ")]
    assert len(frames) >= 2
    for frame in frames:
        reply, position = int.from_bytes(frame[4:8], "little"), int.from_bytes(frame[8:16], "little")
        response = wire.ConverseResponse()
        response.audio.reply, response.audio.position, response.audio.pcm = reply, position, frame[16:]
        assert encode_reply(response) == frame


@pytest.mark.parametrize(
    ("message", "heading"),
    [
        (wire.ConverseRequest.DESCRIPTOR, "What a client sends"),
        (wire.ConverseResponse.DESCRIPTOR, "What a client receives"),
    ],
)
def test_the_tables_name_every_message_and_field(message: Descriptor, heading: str) -> None:
    """In JSON's names, none missing and none invented."""
    table = rows(heading)
    assert sorted(table) == sorted(field.json_name for field in message.fields)
    for field in message.fields:
        columns = table[field.json_name].split("|")
        named = set(re.findall(r"`(\w+)`", columns[0]))
        assert named == {inner.json_name for inner in _fields(field)}, field.json_name


def _fields(field: FieldDescriptor) -> list[FieldDescriptor]:
    assert field.message_type is not None
    return list(field.message_type.fields)


def test_every_error_code_is_explained() -> None:
    """With its number, on which the close codes are built."""
    codes = re.findall(r"^\| (\d+) \| `(CODE_\w+)` \|", section("Errors"), re.MULTILINE)
    known = {name: number for name, number in stream_pb2.Error.Code.items() if number}
    assert {name: int(number) for number, name in codes} == known
    assert f"{websocket.ERROR_BASE + 1} … {websocket.ERROR_BASE + max(known.values())}" in section("The end")


def test_every_end_is_explained() -> None:
    """With its number, the counter of each that the broker brings about, and words as ingress says them."""
    table = re.findall(r"^\| (\d+) \| `(CODE_\w+)` \|.*\|(.*)\|$", section("The end"), re.MULTILINE)
    assert {name: int(number) for number, name, _ in table} == {n: c for n, c in wire.Closed.Code.items() if c}
    counters = {name: counter.strip() for _, name, counter in table}
    for reason in filter(None, stream_pb2.Hangup.Reason.values()):
        assert counters[wire.Closed.Code.Name(code_of(reason))] == f"`{counter_of(reason)}`"
    assert encode_text(farewell(wire.Closed.CODE_SILENCE)) in lines("json server")
    assert encode_text(farewell(wire.Closed.CODE_CLIENT)) == said("<")[-1]


def test_every_notice_is_explained() -> None:
    """With its number; and the example is what ingress would say, word for word."""
    codes = re.findall(r"^\| (\d+) \| `(CODE_\w+)` \|", section("Notices"), re.MULTILINE)
    assert {name: int(number) for number, name in codes} == {n: c for n, c in wire.Notice.Code.items() if c}
    said_so: list[str] = []
    watch = Watch(lambda trouble, words: said_so.append(encode_text(notice_of(trouble, words))))
    watch.given(60_000)
    watch.unstamped(60_000)
    assert said_so == [line for line in lines("json server") if line.startswith('{"notice"')]


def test_every_limit_is_told() -> None:
    """Those that `opened` carries, by their names in JSON."""
    for field in wire.Limits.DESCRIPTOR.fields:
        assert f"`{field.json_name}`" in section("Limits")
    limits = Limits()
    for figure in (limits.max_sessions, limits.max_message_bytes, limits.max_frame_ms, limits.max_messages_per_s):
        assert f" {figure} " in section("Limits")


def test_versions_and_addresses_are_the_doors_own() -> None:
    """What the document says of the server is what the server says."""
    assert f"at present {OLDEST} to {NEWEST}" in section("Versions")
    for word in (websocket.PATH, websocket.HEALTH_PATH, upgrade.SUBPROTOCOL):
        assert word in section("The two doors")
    opened = next(json.loads(text)["opened"] for text in said("<") if "opened" in text)
    assert opened["protocol"] == NEWEST
