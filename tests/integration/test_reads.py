"""Reads over real gRPC: how calls end at the client's door, and that no read of ours is cancelled there."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from parley.v1 import audio_pb2 as audio
from parley.v1 import vad_service_pb2 as wire
from parley.v1 import vad_service_pb2_grpc as rpc
from services.common.channels import Channels
from services.common.reads import CANCELLED_READS, Reader
from services.common.rpc import channel
from services.common.trunk import STRANDS_BROKEN, TRUNKS_BROKEN
from tests.fakes.closing import closing
from tests.fakes.eventually import eventually
from tests.integration.echo_stage import echoing

METHOD = "/parley.test/Talk"
HELLO, BYE = b"hello", b"bye"


class Door:
    """Serves calls by a reader; the handler ends when it is told goodbye, or when `hangs_up` is set."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.hangs_up = asyncio.Event()
        self.reading: set[asyncio.Task[None]] = set()

    async def talk(self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        """Serve one call."""
        ended = asyncio.Event()

        def put(message: bytes) -> None:
            self.seen["messages"] += 1
            if message == BYE:
                ended.set()

        reader = Reader(requests, put, lambda fault: ended.set())
        task = asyncio.create_task(reader.run())
        self.reading.add(task)
        task.add_done_callback(self._over)
        waits = [asyncio.create_task(event.wait()) for event in (ended, self.hangs_up)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        reader.leave()
        await context.write(BYE)

    def _over(self, task: asyncio.Task[None]) -> None:
        self.reading.discard(task)
        self.seen["cancelled" if task.cancelled() else "fault" if task.exception() else "over"] += 1


@asynccontextmanager
async def standing() -> AsyncIterator[tuple[Door, grpc.aio.Channel]]:
    """Serve a door, and dial it."""
    door = Door()
    server = grpc.aio.server()
    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(door.talk)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("parley.test", {"Talk": method}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with channel(f"127.0.0.1:{port}") as dialled:
        yield door, dialled
    await server.stop(0)


async def call(dialled: grpc.aio.Channel) -> grpc.aio.StreamStreamCall[bytes, bytes]:
    """Begin a call."""
    made: grpc.aio.StreamStreamCall[bytes, bytes] = dialled.stream_stream(METHOD)()
    await made.write(HELLO)
    return made


async def test_however_a_call_ends_its_reader_ends_with_it() -> None:
    """The client says goodbye; the server hangs up first, with a read in waiting; the client just goes."""
    async with standing() as (door, dialled):
        polite = await call(dialled)
        await polite.write(BYE)
        assert await polite.read() == BYE
        assert await polite.read() is grpc.aio.EOF

        gone = await call(dialled)
        await eventually(lambda: door.seen["messages"] == 3)
        gone.cancel()

        await eventually(lambda: door.seen["over"] == 2)
        hung_up = await call(dialled)
        await eventually(lambda: door.seen["messages"] == 4)
        door.hangs_up.set()
        assert await hung_up.read() == BYE
        assert await hung_up.read() is grpc.aio.EOF
        await eventually(lambda: not door.reading)
    assert door.seen == {"messages": 4, "over": 3}


async def test_streams_of_a_trunk_come_and_go_without_a_cancelled_read() -> None:
    """Thirty streams, half of them left in the middle, cost none; the trunk's own one read does, when it is left."""
    tally: Counter[str] = Counter()
    async with echoing() as (echo, address):
        async with closing(Channels(tally)) as channels:
            stub = rpc.VadServiceStub(channels.trunk(address))
            for number in range(100, 130):
                stream = stub.Listen()
                await stream.write(frame(number))
                assert (await anext(aiter(stream))).heard.mic_offset == number
                if number % 2:
                    stream.cancel()
                else:
                    await stream.done_writing()
                    assert [left async for left in stream] == []
            await eventually(lambda: echo.streams == 0)
            assert not tally
            left = stub.Listen()
            await left.write(frame(99))
            await anext(aiter(left))
        assert tally == {CANCELLED_READS: 1, TRUNKS_BROKEN: 1, STRANDS_BROKEN: 1}


def frame(offset: int) -> wire.ListenRequest:
    """Return a frame that is known by its offset."""
    return wire.ListenRequest(audio=audio.AudioFrame(mic_offset=offset, pcm=bytes(640)))
