"""The web page as a real ingress serves it, over real sockets: its files, and that a page of that address may call."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from tests.e2e.scene import Scene
from tests.e2e.scene import scene as open_scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

OPEN = '{"open":{"protocol":1}}'
Answer = tuple[int, dict[str, str], bytes]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene() -> AsyncIterator[Scene]:
    """One ring for all."""
    async with open_scene() as opened:
        yield opened


async def ask(scene: Scene, path: str, method: str = "GET", **headers: str) -> Answer:
    """Ask as a browser would; return status, headers and body. Nothing mends the path on its way."""
    host = scene.ring.websocket.removeprefix("ws://").partition("/")[0]
    name, _, port = host.rpartition(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
    writer.write("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    first, *rest = head.decode().split("\r\n")
    return int(first.split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in rest)}, body


async def test_the_page_and_all_that_it_asks_for(scene: Scene) -> None:
    """The first page, its styles and scripts, and whatever those import, to the last module and worklet."""
    status, headers, page = await ask(scene, "/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "unsafe-inline" not in headers["content-security-policy"]
    wanted = set(re.findall(r'(?:src|href)="([^"#]+)"', page.decode()))
    wanted |= {"worklets/capture.js", "worklets/playout.js", "core/client.js"}
    seen = set[str]()
    while wanted:
        path = wanted.pop()
        seen.add(path)
        status, headers, body = await ask(scene, f"/{path}")
        assert status == 200, path
        assert len(body) == int(headers["content-length"]), path
        if path.endswith(".js"):
            folder = path.rpartition("/")[0].split("/")
            for module in re.findall(r'(?:from|import) "(\.[^"]+)"', body.decode()):
                parts = list(folder)
                for part in module.split("/"):
                    parts = parts[:-1] if part == ".." else parts if part == "." else [*parts, part]
                wanted |= {"/".join(filter(None, parts))} - seen
    assert {"core/session.js", "core/playout.js", "worklets/audio_thread.js", "ui/main.js"} <= seen


async def test_a_browser_that_has_it_gets_nothing_again(scene: Scene) -> None:
    """Squeezed where it takes that; by HEAD only the head; unchanged: 304."""
    _, headers, body = await ask(scene, "/core/client.js", Accept_Encoding="gzip")
    assert b"ParleyClient" in gzip.decompress(body)
    again, _, nothing = await ask(scene, "/core/client.js", Accept_Encoding="gzip", If_None_Match=headers["etag"])
    assert (again, nothing) == (304, b"")
    head, told, nothing = await ask(scene, "/", "HEAD")
    assert (head, nothing) == (200, b"")
    assert int(told["content-length"]) > 0


@pytest.mark.parametrize(
    "path", ["/../README.md", "/core/../../../README.md", "/%2e%2e/%2e%2e/README.md", "/core/", "/x"]
)
async def test_what_is_not_the_page_s(scene: Scene, path: str) -> None:
    """Whatever the path says, no other file is given; the words tell where page and door are."""
    status, _, body = await ask(scene, path)
    assert (status, body) == (404, b"Nothing is here. Connect a WebSocket to /v1/converse; the web page is at /\n")


async def test_a_page_of_that_address_may_call(scene: Scene) -> None:
    """The WebSocket opens for it and answers; it does not for a page of another address."""
    origin = scene.ring.websocket.replace("ws://", "http://").removesuffix("/v1/converse")
    async with scene.script.opening, connect(scene.ring.websocket, proxy=None, origin=Origin(origin)) as connection:
        await connection.send(OPEN)
        while "heartbeat" in (first := json.loads(await connection.recv())):
            pass
        assert "opened" in first
        await connection.send('{"end":{}}')
    with pytest.raises(InvalidStatus) as refused:
        await connect(scene.ring.websocket, proxy=None, origin=Origin("http://rebound.example:7780"))
    assert refused.value.response.status_code == 403
