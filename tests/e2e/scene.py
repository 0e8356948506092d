"""A scene: the real ring as processes, in front of a fake model that each test scripts for its own sessions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from redis.asyncio import Redis

from local.ring import Ring, RingSettings
from parley.v1 import session_pb2
from services.broker.journal import told
from services.common.store import Store
from tests.e2e.person import Person
from tests.fakes.position_code import PositionDecoder, Run
from tests.fakes.realtime import Connection, FakeRealtime, Reply, ReplyRequest, Response
from tests.fakes.realtime.ear import is_audible

TRUNCATION_MS = 20
"""How far the model's memory may be from what the client's own playback clock says was played."""


@dataclass
class Scene:
    """What a test needs: the ring, the fake model, and the script for the next conversation."""

    ring: Ring
    fake: FakeRealtime
    store: Store
    script: Script

    @asynccontextmanager
    async def person(
        self,
        replies: Sequence[Reply] = (Reply(),),
        words: Sequence[str] = ("hello",),
        latency_ms: float = 0,
        who: Callable[[str, float], Person] = Person,
        door: str = "grpc",
    ) -> AsyncIterator[Actor]:
        """Open one conversation: the n-th turn is understood as `words[n]`, the n-th response is `replies[n]`.

        `who` makes the person, given the server and the latency: one whose client is of another kind, say.
        `door` is the one they come in by: "grpc" or "websocket".
        """
        async with self.script.opening:
            self.script.upcoming = Lines(list(replies), list(words))
            known = len(self.fake.connections)
            person = who(self.ring.websocket if door == "websocket" else self.ring.ingress, latency_ms)
            await person.__aenter__()
            connection = self.fake.connections[known]
            self.script.of(connection)  # before the next one opens: each has its own lines
        actor = Actor(person, self, connection)
        try:
            yield actor
        finally:
            await person.__aexit__(None, None, None)
            assert self.fake.violations == []


@dataclass
class Lines:
    """The script of one conversation; the last line repeats."""

    replies: list[Reply]
    words: list[str]


@dataclass
class Script:
    """Deals the lines out to the fake model's connections."""

    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    upcoming: Lines = field(default_factory=lambda: Lines([Reply()], ["hello"]))
    lines: dict[int, Lines] = field(default_factory=dict)

    def of(self, connection: Connection) -> Lines:
        """Return a connection's lines."""
        return self.lines.setdefault(id(connection), self.upcoming)

    def reply(self, request: ReplyRequest) -> Reply:
        """Choose a reply, as FakeRealtime asks."""
        replies = self.of(request.connection).replies
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def transcribe(self, pcm: bytes, connection: Connection) -> str:
        """Choose a transcript, as FakeRealtime asks. Of silence there is none.

        A model with an ear of its own commits that too: the last of a turn that it was told to commit while it still
        waited for the turn's end.
        """
        if not is_audible(pcm):
            return ""
        words = self.of(connection).words
        return words.pop(0) if len(words) > 1 else words[0]


@dataclass
class Actor:
    """A person, and what the model knows of the conversation with them."""

    person: Person
    scene: Scene
    connection: Connection
    _decodes: tuple[dict[int, int], PositionDecoder] | None = None

    @property
    def responses(self) -> list[Response]:
        """The model's responses in this conversation."""
        return list(self.connection.responses.values())

    def will_hear(self, reply: Reply) -> None:
        """Answer with this from now on."""
        self.scene.script.of(self.connection).replies[:] = [reply]

    def heard(self) -> list[Run]:
        """Which samples of which track left the speaker."""
        return self.person.heard(self._decoder())

    def _decoder(self) -> PositionDecoder:
        """Return a decoder of all that the model has sent; the same as long as it is the same."""
        tracks = self.scene.fake.tracks
        if self._decodes is None or self._decodes[0] != tracks:
            self._decodes = (tracks, self.scene.fake.decoder())
        return self._decodes[1]

    def heard_of(self, response: Response) -> int:
        """How many samples of a response left the speaker."""
        return max((run.end_position for run in self.heard() if run.track == response.track), default=0)

    def assert_whole(self, response: Response) -> None:
        """A response that lived was heard from its first sample to its last, in order, each once.

        It may pause in between: on a busy machine, or over a slow wire, audio runs dry for a moment.
        """
        runs = [run for run in self.heard() if run.track == response.track]
        assert [run.start_position for run in runs] == [0, *(run.end_position for run in runs[:-1])]
        assert sum(run.samples for run in runs) == response.sent_samples

    def assert_memory_is_true(self) -> None:
        """The model believes of each response what was heard of it, within 20 ms; and nothing dead was heard."""
        self.person.assert_nothing_dead_was_heard(self._decoder())
        for response in self.responses:
            heard, believed = self.heard_of(response), self.scene.fake.believed_samples(response.track)
            assert abs(heard - believed) <= TRUNCATION_MS * 24, f"track {response.track}: {heard} heard, {believed}"

    async def history(self) -> list[session_pb2.HistoryItem]:
        """What Redis remembers of the conversation."""
        return told(await self.scene.store.history(self.person.session))


@asynccontextmanager
async def scene(
    env: Mapping[str, Mapping[str, str]] | None = None,
    started: Callable[[dict[str, str]], None] | None = None,
    copies: Mapping[str, int] | None = None,
) -> AsyncIterator[Scene]:
    """Start the ring before a fake model.

    `env` adds variables per service, `started` sees the addresses grow, `copies` says of what there is more than one.
    """
    script = Script()
    variables = {**(env or {}), "broker": {"PARLEY_TRANSCRIPT_TIMING": "ahead", **(env or {}).get("broker", {})}}
    async with FakeRealtime(script.reply, transcribe=script.transcribe) as fake, AsyncExitStack() as stack:
        ring = Ring(
            RingSettings(
                model_url=fake.url,
                env=variables,
                copies=copies or {},
                notice=lambda _: started and started(ring.addresses),
            )
        )
        await stack.enter_async_context(ring)
        store = Store(Redis.from_url(ring.redis_url))
        try:
            yield Scene(ring, fake, store, script)
        finally:
            await store.close()
