"""The fake service: accepts clients, hands out the script, and answers a test's questions."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request
from websockets.http11 import Response as HttpResponse

from tests.fakes.position_code import PositionDecoder
from tests.fakes.realtime.connection import Connection
from tests.fakes.realtime.conversation import Item
from tests.fakes.realtime.generation import Response
from tests.fakes.realtime.script import (
    Replies,
    Reply,
    ReplyRequest,
    Transcripts,
    choose_reply,
    choose_transcript,
)

_PATH = "/v1/realtime"
_DEFAULT_REPLIES = (Reply(),)
_MAX_MESSAGE_BYTES = 16 * 2**20


class FakeRealtime:
    """A Realtime server on the loopback, in the test's own event loop.

    `replies` is a sequence (the last repeats) or a callable from ReplyRequest to Reply; response i of the server
    speaks track i, from 1 on. `transcripts` gives the words of the nth committed turn: a sequence (the last
    repeats) or a callable (24 kHz PCM, n); None stands for a failed transcription. `transcribe`, if given, goes
    before it: (24 kHz PCM, Connection) to words. With `api_key` set, other bearers get a 401.

    Every event received and sent is judged by the official types: `violations` must be empty at the end.
    """

    def __init__(
        self,
        replies: Replies = _DEFAULT_REPLIES,
        *,
        transcripts: Transcripts = ("hello",),
        transcribe: Callable[[bytes, Connection], str | None] | None = None,
        transcript_delay_ms: float = 20,
        api_key: str | None = None,
        port: int = 0,
    ) -> None:
        self.connections: list[Connection] = []
        self.violations: list[str] = []
        self.transcript_delay_ms = transcript_delay_ms
        self.refuse_connections = False
        """While set, new connections get a 503."""
        self.begin_no_session = False
        """While set, new connections are taken, and then hear nothing."""
        self._replies = replies
        self._transcripts = transcripts
        self._transcribe = transcribe
        self._turns = itertools.count()
        self._api_key = api_key
        self._port = port
        self._server: Server | None = None
        self._before: list[Server] = []
        self._ids: Counter[str] = Counter()
        self._track_numbers = itertools.count(1)
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Start to listen."""
        self._server = await self._listen()
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def _listen(self) -> Server:
        return await serve(
            self._converse,
            "127.0.0.1",
            self._port,
            process_request=self._admit,
            compression=None,
            max_size=_MAX_MESSAGE_BYTES,
            close_timeout=1,
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection and stop."""
        for server in [*self._before, *([self._server] if self._server else [])]:
            for connection in server.connections:
                await connection.close(1001)
            server.close()
            await server.wait_closed()

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Take no connections for a while, as if the server did not run; those that stand go on."""
        assert self._server is not None
        standing = self._server
        standing.close(close_connections=False)
        try:
            yield
        finally:
            self._server = await self._listen()
            self._before.append(standing)

    @property
    def url(self) -> str:
        """Where a client connects, without the query."""
        return f"ws://127.0.0.1:{self._port}{_PATH}"

    @property
    def base_url(self) -> str:
        """The same for the official client, which adds the rest itself."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def responses(self) -> list[Response]:
        """Every response of the server, in the order of its tracks."""
        found = (response for connection in self.connections for response in connection.responses.values())
        return sorted(found, key=lambda response: response.track)

    @property
    def tracks(self) -> dict[int, int]:
        """Samples sent of each track so far."""
        return {response.track: response.sent_samples for response in self.responses}

    def decoder(self) -> PositionDecoder:
        """Make a decoder for everything sent so far."""
        return PositionDecoder(self.tracks)

    def response(self, track: int) -> Response:
        """Find a response by its track. Raises KeyError."""
        for response in self.responses:
            if response.track == track:
                return response
        raise KeyError(f"no response speaks track {track}")

    def item(self, item_id: str) -> Item:
        """Find an item, deleted ones too. Raises KeyError."""
        for connection in self.connections:
            for shelf in (connection.conversation.items, connection.conversation.graveyard):
                if item_id in shelf:
                    return shelf[item_id]
        raise KeyError(f"no item {item_id}")

    def believed_ms(self, item_id: str) -> float:
        """How much of an assistant item's audio the model believes was heard."""
        item = self.item(item_id)
        if item.deleted:
            return 0.0
        return item.generated_ms if item.truncated_ms is None else float(item.truncated_ms)

    def believed_samples(self, track: int) -> int:
        """The same over all items of a response, in samples of its track."""
        return sum(item.believed_samples for item in self.response(track).items)

    def believed_spans(self, track: int) -> list[tuple[int, int]]:
        """The same as positions of the track, [begin, end), one per item that was heard at all."""
        heard = (item for item in self.response(track).items if item.believed_samples)
        return [(item.track_start, item.track_start + item.believed_samples) for item in heard]

    async def until(self, condition: Callable[[], object], timeout_s: float = 10) -> None:
        """Wait until something has happened here; looks again at every event. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def new_id(self, kind: str) -> str:
        """Mint an id such as `item_3`; unique over the server."""
        self._ids[kind] += 1
        return f"{kind}_{self._ids[kind]}"

    def new_track(self) -> int:
        """Number the next response."""
        return next(self._track_numbers)

    def reply_for(self, request: ReplyRequest) -> Reply:
        """Take the script of a response."""
        return choose_reply(self._replies, request)

    def transcript_for(self, audio: bytes, connection: Connection) -> str | None:
        """Take the words of a committed turn."""
        nth = next(self._turns)
        if self._transcribe is not None:
            return self._transcribe(audio, connection)
        return choose_transcript(self._transcripts, audio, nth)

    def notify(self) -> None:
        """Wake those who wait in `until`."""
        self._news.set()

    def _admit(self, socket: ServerConnection, request: Request) -> HttpResponse | None:
        if urlsplit(request.path).path != _PATH:
            return socket.respond(HTTPStatus.NOT_FOUND, f"only {_PATH} is served\n")
        if self.refuse_connections:
            return socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "try again later\n")
        if self._api_key is not None and request.headers.get("Authorization") != f"Bearer {self._api_key}":
            return socket.respond(HTTPStatus.UNAUTHORIZED, "Incorrect API key provided\n")
        return None

    async def _converse(self, websocket: ServerConnection) -> None:
        request = websocket.request
        if request is not None and "OpenAI-Beta" in request.headers:
            self.violations.append("a client asked for the beta protocol")
            await websocket.close(4000, "invalid_request_error.beta_api_shape_disabled")
            return
        if self.begin_no_session:
            await websocket.wait_closed()
            return
        query = parse_qs(urlsplit(request.path).query) if request is not None else {}
        model = query.get("model", ["gpt-realtime-2.1"])[0]
        connection = Connection(self, websocket, len(self.connections), model)
        self.connections.append(connection)
        try:
            await connection.serve()
        except Exception as error:
            self.violations.append(f"the fake or its script failed: {error!r}")
            raise
