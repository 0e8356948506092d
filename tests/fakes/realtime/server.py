"""The fake service: accepts clients, hands out the script, and answers a test's questions."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Literal, Self

from websockets.asyncio.server import Server, ServerConnection, serve

from tests.fakes.realtime.connection import Connection
from tests.fakes.realtime.door import PATH, Door, wish_of
from tests.fakes.realtime.face import OPENAI, Face
from tests.fakes.realtime.faults import Fault, Faults
from tests.fakes.realtime.records import Records
from tests.fakes.realtime.script import (
    Replies,
    Reply,
    ReplyRequest,
    Transcripts,
    choose_reply,
    choose_transcript,
)

_DEFAULT_REPLIES = (Reply(),)
_MAX_MESSAGE_BYTES = 16 * 2**20
_LIFETIME_S = 3600.0


class FakeRealtime(Records):
    """A Realtime server on the loopback, or at `host`, in the test's own event loop.

    `replies` is a sequence (the last repeats) or a callable from ReplyRequest to Reply; response i of the server
    speaks track i, from 1 on. `transcripts` gives the words of the nth committed turn: a sequence (the last
    repeats) or a callable (24 kHz PCM, n); None stands for a failed transcription. `transcribe`, if given, goes
    before it: (24 kHz PCM, Connection) to words. With `api_key` set, other bearers get a 401. What goes wrong on
    purpose stands in `faults`; `face` is how the server differs from OpenAI's, and `door` who gets in.

    Every event received and sent is judged by the official types: `violations` must be empty at the end.
    """

    def __init__(
        self,
        replies: Replies = _DEFAULT_REPLIES,
        *,
        transcripts: Transcripts = ("hello",),
        transcribe: Callable[[bytes, Connection], str | None] | None = None,
        transcript_delay_ms: float = 20,
        transcript_after: Literal["delay", "first_audio", "done"] = "delay",
        faults: Sequence[Fault] = (),
        face: Face = OPENAI,
        lifetime_s: float = _LIFETIME_S,
        api_key: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.connections: list[Connection] = []
        self.violations: list[str] = []
        self.transcript_delay_ms = transcript_delay_ms
        self.transcript_after = transcript_after
        """Words come after the delay; and not before the next response's first audio, or its end."""
        self.faults = Faults(list(faults))
        self.face = face
        self.lifetime_s = lifetime_s
        """From `session.created` to `session_expired`; also what `expires_at` says, rounded down."""
        self.door = Door(api_key)
        self.begin_no_session = False
        """While set, new connections are taken, and then hear nothing."""
        self._replies = replies
        self._transcripts = transcripts
        self._transcribe = transcribe
        self._turns: dict[str, itertools.count[int]] = {
            "realtime": itertools.count(),
            "transcription": itertools.count(),
        }
        self._host = host
        self._port = port
        self._server: Server | None = None
        self._before: list[Server] = []
        self._ids: Counter[str] = Counter()
        self._track_numbers = itertools.count(1)
        self._news = asyncio.Event()

    @property
    def refuse_connections(self) -> bool:
        """While set, new connections get a 503."""
        return self.door.refuses

    @refuse_connections.setter
    def refuse_connections(self, refuses: bool) -> None:
        self.door.refuses = refuses

    async def __aenter__(self) -> Self:
        """Start to listen."""
        self._server = await self._listen()
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def _listen(self) -> Server:
        return await serve(
            self._converse,
            self._host,
            self._port,
            process_request=self.door.admit,
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
        return f"ws://{self._host}:{self._port}{PATH}"

    @property
    def base_url(self) -> str:
        """The same for the official client, which adds the rest itself."""
        return f"http://{self._host}:{self._port}/v1"

    async def until(self, condition: Callable[[], object], timeout_s: float | None = 10) -> None:
        """Wait until something has happened here; looks again at every event. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not condition():
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
        nth = next(self._turns[connection.session["type"]])
        if self._transcribe is not None:
            return self._transcribe(audio, connection)
        return choose_transcript(self._transcripts, audio, nth)

    def notify(self) -> None:
        """Wake those who wait in `until`."""
        self._news.set()
        self._news = asyncio.Event()  # each who waits is woken, whoever looks first

    async def _converse(self, websocket: ServerConnection) -> None:
        request = websocket.request
        wants_beta = request is not None and "OpenAI-Beta" in request.headers
        if wants_beta and not self.face.beta:
            self.violations.append("a client asked for the beta protocol")
            await websocket.close(4000, "invalid_request_error.beta_api_shape_disabled")
            return
        if self.begin_no_session:
            await websocket.wait_closed()
            return
        model, intent = wish_of(request, "model", "gpt-realtime-2.1"), wish_of(request, "intent", "")
        connection = Connection(self, websocket, len(self.connections), model, intent)
        self.connections.append(connection)
        try:
            await connection.serve()
        except Exception as error:
            self.violations.append(f"the fake or its script failed: {error!r}")
            raise
