"""The device's own WebSocket before servers that do what is allowed but rare, and what is not."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from tests.esp32.door import BINARY, CLOSE, OPENED_BYTES, PING, PONG, TEXT, UPGRADE, Caller, door
from tests.esp32.process import DeviceProcess

pytestmark = pytest.mark.timeout(120)


async def test_a_message_in_pieces_with_a_ping_between() -> None:
    """A message may come in fragments, and a ping in between: it is put together, and the ping is answered."""
    pongs: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(caller: Caller) -> None:
        await caller.upgrade()
        opening = json.loads(await caller.frame_of(TEXT))
        assert opening["open"]["protocol"] == 1
        caller.send(TEXT, OPENED_BYTES[:10], fin=False)
        caller.send(PING, b"are you there")
        caller.send(0, b"", fin=False)
        for at in range(10, len(OPENED_BYTES)):
            caller.send(0, OPENED_BYTES[at : at + 1], fin=at + 1 == len(OPENED_BYTES))
        pongs.put_nowait(await caller.frame_of(PONG))
        caller.send(PONG, b"unasked")
        caller.send(99 & 0x0F & BINARY, b"\x07\x00\x00\x00")  # no kind of frame that it knows: passed over
        await caller.frame_of(CLOSE)

    async with door(serve) as url, DeviceProcess(url) as device:
        assert (await device.sees("opened"))["words"] == "s"
        assert await asyncio.wait_for(pongs.get(), 20) == b"are you there"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x82\0\0\0\0{}", 1002),
        (b"\x83\x00", 1002),
        (b"\xc2\x00", 1002),
        (b"\x80\x01a", 1002),
        (b"\x09\x00", 1002),
        (b"\x89\x7e\0\x7e" + bytes(126), 1002),
        (b"\x88\x01\x03", 1002),
        (b"\x82\x7f" + (70_000).to_bytes(8), 1009),
        (b"\x82\x7f" + b"\xff" * 8, 1009),
    ],
    ids=[
        "masked",
        "opcode",
        "reserved",
        "no-message",
        "ping-in-pieces",
        "long-ping",
        "half-a-code",
        "large",
        "endless",
    ],
)
async def test_frames_that_break_the_rules(frame: bytes, code: int) -> None:
    """The device closes with the code that says why, and does not die of it. A head that says too much is enough."""
    codes: asyncio.Queue[int] = asyncio.Queue()

    async def serve(caller: Caller) -> None:
        await caller.upgrade()
        await caller.frame_of(TEXT)
        caller.writer.write(frame)
        codes.put_nowait(int.from_bytes((await caller.frame_of(CLOSE))[:2]))

    async with door(serve) as url, DeviceProcess(url) as device:
        assert await asyncio.wait_for(codes.get(), 20) == code
        assert (await device.sees("link"))["words"].startswith(f"{url}/v1/converse: ")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("HTTP/1.1 503 Busy\r\nContent-Length: 20\r\n\r\nIt is full just now.", "It is full just now"),
        ("HTTP/1.1 403 No\r\n\r\nThis page may not call.\nMore.", "This page may not call"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "it answers HTTP 404"),
        ("HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: no\r\n\r\n", "does not speak WebSocket"),
        ("SSH-2.0-OpenSSH\r\n", "does not speak WebSocket"),
        ("HTTP/1.1 200 " + "x" * 9000, "does not speak WebSocket"),
        ("", "it broke off"),
    ],
    ids=["full", "forbidden", "other-path", "wrong-key", "ssh", "endless", "nothing"],
)
async def test_doors_that_do_not_open(answer: str, words: str) -> None:
    """Why it was not let in is told in words."""

    async def serve(caller: Caller) -> None:
        await caller.request()
        caller.answer(answer)

    async with door(serve) as url, DeviceProcess(url) as device:
        assert words in (await device.sees("link"))["words"]


@pytest.mark.parametrize(
    ("change", "into"),
    [
        ("HTTP/1.1", "HTTP/1.0"),
        (" 101 ", " 1010 "),
        (" 101 ", " +101 "),
        ("Upgrade: websocket\r\n", ""),
        ("Connection: keep-alive, Upgrade\r\n", "Connection: keep-alive\r\n"),
        ("parley.v1", "chat"),
        ("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol"),
    ],
    ids=["http-1.0", "longer-status", "signed-status", "upgrade", "connection", "protocol", "extension"],
)
async def test_an_answer_that_does_not_open(change: str, into: str) -> None:
    """The key's digest alone does not make a WebSocket: each other line that RFC 6455 asks for is looked at, too."""

    async def serve(caller: Caller) -> None:
        assert change in UPGRADE
        await caller.upgrade(UPGRADE.replace(change, into))

    async with door(serve) as url, DeviceProcess(url) as device:
        assert "does not speak WebSocket" in (await device.sees("link"))["words"]


async def test_nothing_follows_its_close_frame() -> None:
    """It says goodbye first; a ping is not answered then, nor the server's own close frame, and the connection ends."""
    rest: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(caller: Caller) -> None:
        await caller.upgrade()
        await caller.frame_of(TEXT)
        caller.send(TEXT, OPENED_BYTES)
        caller.send(TEXT, json.dumps({"closed": {"reason": "Over.", "code": "CODE_GOODBYE"}}).encode())
        await caller.frame_of(CLOSE)
        caller.send(PING, b"are you there")
        caller.send(CLOSE, b"\x03\xe8")
        rest.put_nowait(await caller.reader.read())

    async with door(serve) as url, DeviceProcess(url):
        assert await asyncio.wait_for(rest.get(), 20) == b""


@pytest.fixture
def two_addresses(tmp_path: Path) -> str:
    """A library that gives every host two addresses."""
    library = tmp_path / "two_addresses.so"
    source = Path(__file__).with_name("two_addresses.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return str(library)


async def test_a_name_with_several_addresses(two_addresses: str) -> None:
    """Where nobody listens at a host's first address the next is called, within the same call."""

    async def serve(caller: Caller) -> None:
        await caller.upgrade()
        await caller.frame_of(TEXT)
        caller.send(TEXT, OPENED_BYTES)
        await caller.frame_of(CLOSE)

    async with door(serve, host="127.0.0.2") as url:
        called = f"ws://parley.example:{url.rpartition(':')[2]}"
        async with DeviceProcess(called, before=["env", f"LD_PRELOAD={two_addresses}"]) as device:
            await device.sees("opened")
            assert device.of("link") == []


async def test_a_server_that_closes_calls_for_another_call() -> None:
    """Closed before it was opened, it calls again by itself, later and later."""
    calls = 0

    async def serve(caller: Caller) -> None:
        nonlocal calls
        calls += 1
        await caller.upgrade()
        await caller.frame_of(TEXT)
        if calls < 3:
            caller.send(CLOSE, b"\x03\xe9going away")
            await caller.frame_of(CLOSE)
            return
        caller.send(TEXT, OPENED_BYTES)
        await caller.frame_of(CLOSE)

    async with door(serve) as url, DeviceProcess(url) as device:
        await device.sees("opened")
    assert calls == 3
