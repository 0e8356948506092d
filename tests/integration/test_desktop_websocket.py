"""The desktop client over a real WebSocket, against servers that are not what they should be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from clients.desktop import calling, events
from clients.desktop.conversation import Conversation
from clients.desktop.failures import ClientError, ConversationBroken, ServerRefused
from clients.desktop.headless import HeadlessDevice

OPENED = '{"opened":{"session":"s1","protocol":1,"leadMs":100}}'

Play = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def serving(play: Play, answer: tuple[int, str] | None = None) -> AsyncIterator[str]:
    """Serve a script on a free port of this machine; with `answer` every handshake is answered so over HTTP."""

    def turn_away(connection: ServerConnection, _: Request) -> Response | None:
        return connection.respond(HTTPStatus(answer[0]), answer[1]) if answer else None

    async with serve(play, "127.0.0.1", 0, process_request=turn_away, close_timeout=0.5) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def failure_of(server: str) -> ClientError:
    """Hold a conversation until it fails."""
    try:
        async with Conversation(server, HeadlessDevice()) as conversation:
            async for _ in conversation:
                pass
    except ClientError as failure:
        return failure
    pytest.fail("it ended well")


async def idle(connection: ServerConnection) -> None:
    """Say nothing, until the client goes."""
    await connection.wait_closed()


async def test_a_conversation_over_websocket() -> None:
    """Open goes first as text, then audio as binary; End is the last, and Closed ends it well."""
    frames: list[str | bytes] = []

    async def play(connection: ServerConnection) -> None:
        assert connection.request is not None
        assert (connection.request.path, connection.subprotocol) == ("/v1/converse", None)
        frames.append(await connection.recv())
        await connection.send(OPENED)
        async for frame in connection:
            frames.append(frame)
            if isinstance(frame, str) and '"end"' in frame:
                await connection.send('{"closed":{"reason":"bye"}}')
                return

    async with serving(play) as server:
        async with Conversation(server, HeadlessDevice()) as conversation:
            await asyncio.sleep(0.2)
            await conversation.hang_up()
        seen = [event async for event in conversation]
    assert str(frames[0]).startswith('{"open":{"protocol":1,')
    audio = [frame for frame in frames if isinstance(frame, bytes)]
    assert [(frame[0], int.from_bytes(frame[8:16], "little"), len(frame)) for frame in audio] == [
        (1, 320 * number, 24 + 640) for number in range(len(audio))
    ]
    assert str(frames[-1]).startswith('{"end":')
    assert isinstance(seen[-1], events.Closed)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, "Nothing is here.", "answers, but it is not Parley's ingress"),
        (200, "<html>", "answers, but it is not Parley's ingress"),
        (403, "Pages of this origin may not call.\n", r"refused the conversation (Pages of this origin may not call)."),
        (503, "", "refused the conversation (HTTP 503)."),
    ],
)
async def test_a_server_that_answers_over_http_is_told(status: int, body: str, words: str) -> None:
    """Another web server, or a door that is shut."""
    async with serving(idle, (status, body)) as server:
        failure = await failure_of(server)
    assert isinstance(failure, ServerRefused)
    assert words in str(failure)


async def test_an_unreachable_server_is_one_line() -> None:
    """Nobody listens, or the name does not exist."""
    async with serving(idle) as server:
        pass
    assert str(await failure_of(server)).startswith(f"Cannot reach Parley at {server} (connection refused). Start it")
    assert "(no such host)" in str(await failure_of("ws://nowhere.invalid:7780"))


async def test_a_server_that_never_answers_the_handshake_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection and is silent."""
    monkeypatch.setattr(calling, "OPEN_WITHIN_S", 0.2)
    hold = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hold.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    try:
        failure = await failure_of(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    finally:
        hold.set()
        server.close()
    assert "did not answer within" in str(failure)


@pytest.mark.parametrize(
    ("frames", "kind", "words"),
    [
        ([], ServerRefused, "hung up before the conversation began"),
        ([OPENED], ConversationBroken, "ended the conversation without a word"),
        ([OPENED, b"\x02\x01" + bytes(14)], ConversationBroken, "can't read (a binary frame that begins with 02 01"),
        ([b"\x07"], ServerRefused, "can't read (a binary frame of 1 bytes"),
        ([OPENED, "ha"], ConversationBroken, "can't read (text that is no message of Parley)"),
        (
            ['{"error":{"code":"CODE_FULL","message":"Full.","retryable":true}}'],
            ServerRefused,
            "The server refused: Full. Trying again may help.",
        ),
    ],
)
async def test_what_the_server_sends_wrong_is_told(
    frames: list[str | bytes], kind: type[ClientError], words: str
) -> None:
    """Each in one line, with the exit code of its kind."""

    async def play(connection: ServerConnection) -> None:
        await connection.recv()
        for frame in frames:
            await connection.send(frame)

    async with serving(play) as server:
        failure = await failure_of(server)
    assert isinstance(failure, kind)
    assert words in str(failure)
    assert "\n" not in str(failure)


@pytest.mark.parametrize(
    ("code", "reason", "words"), [(4010, "too fast", "was lost (too fast)"), (1011, "", "was lost (close code 1011)")]
)
async def test_a_bare_close_code_is_told(code: int, reason: str, words: str) -> None:
    """When no Error came before it, the close frame is all there is."""

    async def play(connection: ServerConnection) -> None:
        await connection.send(OPENED)
        await connection.close(code, reason)

    async with serving(play) as server:
        assert words in str(await failure_of(server))


async def test_a_connection_that_is_cut_is_told() -> None:
    """A server that dies says nothing at all."""

    async def play(connection: ServerConnection) -> None:
        await connection.send(OPENED)
        await connection.recv()
        connection.transport.abort()

    async with serving(play) as server:
        assert "was lost (it broke off)" in str(await failure_of(server))
