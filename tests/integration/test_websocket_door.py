"""The WebSocket door of a real ingress, with real sockets, before the real ring and a fake model."""

from __future__ import annotations

import asyncio
import json
import re
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.typing import Origin, Subprotocol

from clients.desktop import events
from tests.e2e.person import Person
from tests.e2e.scene import Scene
from tests.e2e.scene import scene as open_scene
from tests.fakes.realtime import Reply

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(60)]

OPEN = '{"open":{"protocol":1}}'
HANDSHAKE_S = 2.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene() -> AsyncIterator[Scene]:
    """One ring for all, whose door has little patience with who says nothing."""
    env = {"PARLEY_HANDSHAKE_S": str(HANDSHAKE_S), "PARLEY_RESUME_S": "1"}
    async with open_scene(env={"ingress": env}) as opened:
        yield opened


class Hand:
    """A client by hand: sends frames as they are, and keeps what comes."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.texts: list[dict[str, Any]] = []
        self.binaries: list[bytes] = []

    async def send(self, *frames: str | bytes) -> None:
        """Send each as a frame of its own."""
        for frame in frames:
            await self.connection.send(frame)

    async def until(self, kind: str) -> dict[str, Any]:
        """Read until a text frame of this kind and return what it holds."""
        while kind not in (text := await self._read()):
            pass
        return dict(text[kind])

    async def over(self) -> int:
        """Read to the end; return the close code."""
        try:
            while True:
                await self._read()
        except ConnectionClosed:
            assert self.connection.close_code is not None
            return self.connection.close_code

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return what came of a kind."""
        return [text[kind] for text in self.texts if kind in text]

    async def _read(self) -> dict[str, Any]:
        frame = await self.connection.recv()
        if isinstance(frame, bytes):
            self.binaries.append(frame)
            return {}
        self.texts.append(json.loads(frame))
        return self.texts[-1]


@asynccontextmanager
async def hand(scene: Scene, *frames: str | bytes, **options: Any) -> AsyncIterator[Hand]:
    """Connect, and send these first."""
    async with connect(scene.ring.websocket, proxy=None, compression=None, close_timeout=2, **options) as connection:
        client = Hand(connection)
        await client.send(*frames)
        yield client


async def test_a_conversation_by_hand(scene: Scene) -> None:
    """Typed words are answered in sound; after End come Closed and 1000, and the server has forgotten the session."""
    async with scene.script.opening, hand(scene, OPEN) as client:
        opened = await client.until("opened")
        assert (opened["protocol"], opened["limits"]["maxMessageBytes"]) == (1, 65536)
        formats = [{"encoding": "ENCODING_PCM16", "rateHz": rate_hz} for rate_hz in (16_000, 24_000)]
        assert [opened["input"], opened["output"]] == formats
        await client.send(struct.pack("<BBHIQQ", 1, 0, 0, 0, 0, 0) + bytes(640), '{"say":{"text":"hello"}}')
        ended = await client.until("replyEnded")
        await client.send('{"end":{"reason":"enough"}}')
        assert await client.over() == 1000
    headers = [struct.unpack_from("<BBHIQ", frame) for frame in client.binaries]
    assert {(kind, flags, zero, reply) for kind, flags, zero, reply, _ in headers} == {(2, 0, 0, 1)}
    ends = [at + (len(frame) - 16) // 2 for (*_, at), frame in zip(headers, client.binaries, strict=True)]
    assert [at for *_, at in headers] == [0, *ends[:-1]], "every sample once"
    assert ended == {"reply": "1", "samples": str(ends[-1])}
    assert client.texts[-1] == {"closed": {"reason": "The conversation is over.", "code": "CODE_CLIENT"}}
    assert client.of("error") == []


@pytest.mark.parametrize(
    ("offered", "taken"), [(None, None), (["parley.v1"], "parley.v1"), (["a", "parley.v1"], "parley.v1"), (["a"], None)]
)
async def test_the_subprotocol_is_optional(scene: Scene, offered: list[str] | None, taken: str | None) -> None:
    """It is confirmed to who offers it, and who does not may call as well."""
    names = [Subprotocol(name) for name in offered] if offered else None
    async with hand(scene, OPEN, subprotocols=names) as client:
        assert client.connection.subprotocol == taken
        await client.until("opened")


async def test_all_else_is_answered_over_http(scene: Scene) -> None:
    """Another path, a page of another host, and a health probe get plain words."""
    root = scene.ring.websocket.removesuffix("/v1/converse")
    with pytest.raises(InvalidStatus) as lost:
        await connect(f"{root}/v2", proxy=None)
    assert lost.value.response.status_code == 404
    assert b"Connect a WebSocket to /v1/converse" in (lost.value.response.body or b"")
    with pytest.raises(InvalidStatus) as foreign:
        await connect(scene.ring.websocket, proxy=None, origin=Origin("https://evil.example"))
    assert foreign.value.response.status_code == 403
    async with connect(scene.ring.websocket, proxy=None, origin=Origin("http://localhost:8000")):
        pass
    assert await _get(root, "/healthz") == (200, "ok")
    assert (await _get(root, "/v1/converse"))[0] == 426


async def _get(root: str, path: str) -> tuple[int, str]:
    host, _, port = root.removeprefix("ws://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return int(head.split()[1]), body.strip()


BadFrame = tuple[str | bytes, int, str, str]

BAD_FIRST: list[BadFrame] = [
    ('{"open":{"protocol":9,"oldestProtocol":8}}', 4002, "CODE_VERSION", "update the server"),
    ('{"open":{"protocol":1,"resume":"x"}}', 4009, "CODE_RESUME", "can't be resumed"),
    ('{"open":{"protocol":1,"input":{"rateHz":12345}}}', 4003, "CODE_FORMAT", "12345"),
    ('{"say":{"text":"hello"}}', 4001, "CODE_PROTOCOL", "must be open, not say"),
    (bytes([1]) + bytes(663), 4001, "CODE_PROTOCOL", "must be open, not audio"),
    ("{}", 4001, "CODE_PROTOCOL", "must be open, not empty"),
]
BAD_ALWAYS: list[BadFrame] = [
    ("hello", 4001, "CODE_PROTOCOL", "must be one JSON object"),
    ('{"opne":{}}', 4001, "CODE_PROTOCOL", 'no field named "opne"'),
    ('{"audio":{"pcm":"AAAA"}}', 4001, "CODE_PROTOCOL", "send it as a binary frame"),
    (b"\x01", 4001, "CODE_PROTOCOL", "too short"),
    (b"\x09" + bytes(40), 4001, "CODE_PROTOCOL", "of kind 9"),
    ("x" * 65537, 1009, "CODE_LIMIT", "larger than 65536 bytes"),
    (bytes(65537), 1009, "CODE_LIMIT", "larger than 65536 bytes"),
]
BAD_THEN: list[BadFrame] = [
    (OPEN, 4001, "CODE_PROTOCOL", "open came twice"),
    (bytes([1]) + bytes(24), 4003, "CODE_FORMAT", "whole 16-bit samples"),
]


@pytest.mark.parametrize(("frame", "close_code", "code", "words"), BAD_FIRST + BAD_ALWAYS)
async def test_a_bad_first_frame_is_told_and_closed(
    scene: Scene, frame: str | bytes, close_code: int, code: str, words: str
) -> None:
    """Error, then Closed, then the close code that belongs to the Error: nobody has to guess."""
    async with hand(scene, frame) as client:
        await _assert_told(client, close_code, code, words)


@pytest.mark.parametrize(("frame", "close_code", "code", "words"), BAD_ALWAYS + BAD_THEN)
async def test_a_bad_frame_in_mid_conversation_is_told_and_closed(
    scene: Scene, frame: str | bytes, close_code: int, code: str, words: str
) -> None:
    """The same when the session stands, and while a reply is being spoken."""
    async with scene.script.opening, hand(scene, OPEN) as client:
        await client.until("opened")
        await client.send('{"say":{"text":"hello"}}')
        await client.until("caption")
        await client.send(frame)
        await _assert_told(client, close_code, code, words)


async def _assert_told(client: Hand, close_code: int, code: str, words: str) -> None:
    assert await client.over() == close_code
    (error,) = client.of("error")
    assert error["code"] == code
    assert words in error["message"]
    assert [*client.texts[-2], *client.texts[-1]] == ["error", "closed"]
    assert error["message"].startswith((client.connection.close_reason or "")[:20]) or close_code == 1009


@pytest.mark.parametrize(
    ("frame", "close_code", "words"),
    [
        (b"\x81\x84" + bytes(4) + b'{"\xff}', 1007, "was not UTF-8"),
        (b"\xc1\x82" + bytes(4) + b"{}", 1002, "rules of WebSocket were broken: reserved bits must be 0"),
        (b"\x81\x02{}", 1002, "rules of WebSocket were broken: incorrect masking"),
    ],
)
async def test_broken_framing_is_told_before_it_is_closed(
    scene: Scene, frame: bytes, close_code: int, words: str
) -> None:
    """What the WebSocket itself forbids has WebSocket's own close code, and the words all the same."""
    async with hand(scene, OPEN) as client:
        await client.until("opened")
        client.connection.transport.write(frame)
        assert await client.over() == close_code
        assert words in client.of("error")[0]["message"]


async def test_ten_megabytes_are_not_taken_in(scene: Scene) -> None:
    """The header alone is enough to refuse it."""
    async with hand(scene, OPEN) as client:
        await client.until("opened")
        whole = Frame(Opcode.BINARY, bytes(10 << 20)).serialize(mask=True)
        client.connection.transport.write(whole[:4096])
        assert await client.over() == 1009
        assert "larger than 65536 bytes" in client.of("error")[0]["message"]


async def test_who_only_pings_is_sent_away(scene: Scene) -> None:
    """A few pings are answered; hundreds without a message are a flood."""
    async with hand(scene, OPEN) as client:
        await client.until("opened")
        await (await client.connection.ping())
        ping = Frame(Opcode.PING, b"").serialize(mask=True)
        client.connection.transport.write(ping * 5000)
        assert await client.over() == 1008
        assert "pings" in client.of("error")[0]["message"]


async def test_who_never_opens_is_sent_away(scene: Scene) -> None:
    """Connected is not enough: Open has to come."""
    async with hand(scene) as client:
        await _assert_told(client, 4010, "CODE_LIMIT", f"no open came within {HANDSHAKE_S:g} s")


async def test_who_goes_without_a_word_leaves_nothing_behind(scene: Scene) -> None:
    """A connection that breaks is waited for; then the session is over: it is logged, and its lease is gone."""
    async with hand(scene, OPEN) as client:
        name = (await client.until("opened"))["session"]
        client.connection.transport.abort()
    async with asyncio.timeout(10):
        while f"session {name} ended: well" not in "".join(scene.ring.logs("ingress")):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert await scene.store.take_lease(name, "somebody else") > 0, "nobody holds it any more"


async def test_bad_callers_disturb_nobody(scene: Scene) -> None:
    """While a person listens at each door, others break every rule beside them."""

    async def listen(server: str) -> None:
        async with scene.script.opening:
            person = Person(server)
            await person.__aenter__()
        person.types("tell me something")
        await person.sees(events.ReplyPlayed)
        assert person.of(events.Underrun) == []
        await person.__aexit__(None, None, None)

    async def misbehave() -> None:
        frames: list[str | bytes] = [case[0] for case in BAD_FIRST + BAD_ALWAYS]
        for frame in frames:
            async with hand(scene, frame) as client:
                await client.over()

    scene.script.upcoming.replies[:] = [Reply(seconds=2)]
    async with asyncio.TaskGroup() as group:
        for server in (scene.ring.ingress, scene.ring.websocket):
            group.create_task(listen(server))
        group.create_task(misbehave())


async def test_a_server_that_stops_says_so_and_comes_back_at_both_addresses(scene: Scene) -> None:
    """Draining, Closed, 1001; nobody new gets in; the next life of the process has the same two doors."""
    doors = (scene.ring.ingress, scene.ring.websocket)
    async with hand(scene, OPEN) as client, hand(scene) as silent:
        await client.until("opened")
        stopping = asyncio.create_task(scene.ring.stop("ingress"))
        assert await client.over() == 1001
        told = [next(iter(text)) for text in client.texts]
        assert [kind for kind in told if kind in ("draining", "closed")] == ["draining", "closed"]
        assert client.texts[-1]["closed"]["code"] == "CODE_DRAINING"
        assert client.of("error") == []
        assert await silent.over() == 1001
        await stopping
    with pytest.raises(OSError, match="Connect call failed"):
        await connect(scene.ring.websocket, proxy=None)
    await scene.ring.revive("ingress")
    assert (scene.ring.ingress, scene.ring.websocket) == doors
    scene.ring.kill("ingress")
    await scene.ring.wait_ready("ingress")
    for server in doors:
        async with Person(server):
            pass
    assert not re.search("Traceback|a fault of ours", "\n".join(scene.ring.logs("ingress")))
