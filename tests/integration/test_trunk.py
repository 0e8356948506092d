"""Trunks over real gRPC: the servicers and stubs that generated code knows, with one stream between two processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import vad_service_pb2 as wire
from parley.v1 import vad_service_pb2_grpc as rpc
from services.common.channels import Channels
from services.common.rpc import bind, serve, server
from services.common.trunk import StrandBroken
from services.common.trunk_server import StrandContext
from tests.fakes.eventually import eventually


class Echo(rpc.VadServiceServicer):
    """Answers each frame with its offset."""

    def __init__(self) -> None:
        self.streams = 0

    async def Listen(self, requests: AsyncIterator[wire.ListenRequest], context: StrandContext) -> None:  # type: ignore[override]
        """Answer until the caller has finished."""
        self.streams += 1
        try:
            async for request in requests:
                if request.audio.mic_offset == 13:
                    raise RuntimeError("a fault of ours")
                await context.write(wire.ListenResponse(heard=audio.Heard(mic_offset=request.audio.mic_offset)))
        finally:
            self.streams -= 1


@asynccontextmanager
async def echoing() -> AsyncIterator[tuple[Echo, str]]:
    """Serve one."""
    echo, grpc_server = Echo(), server()
    serve(grpc_server, rpc.add_VadServiceServicer_to_server, echo)
    address = bind(grpc_server, "127.0.0.1:0")
    await grpc_server.start()
    try:
        yield echo, address
    finally:
        await grpc_server.stop(0)


def frame(offset: int) -> wire.ListenRequest:
    """Return a frame that is known by its offset."""
    return wire.ListenRequest(audio=audio.AudioFrame(mic_offset=offset, pcm=bytes(640)))


async def test_many_sessions_share_one_stream() -> None:
    """Thirty streams at a time, each with its own messages in order, and all of them over at the end."""
    async with echoing() as (echo, address):
        channels = Channels()

        async def session(number: int) -> list[int]:
            call = rpc.VadServiceStub(channels.trunk(address)).Listen()
            for offset in range(20):
                await call.write(frame(number * 1_000 + offset))
            await call.done_writing()
            return [response.heard.mic_offset async for response in call]

        answers = await asyncio.gather(*(session(number) for number in range(1, 31)))
        assert answers == [[number * 1_000 + offset for offset in range(20)] for number in range(1, 31)]
        assert echo.streams == 0
        await channels.close()


async def test_a_fault_in_one_stream_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """The handler's traceback is in the log, its stream ends, and the neighbour's goes on."""
    async with echoing() as (_, address):
        channels = Channels()
        stub = rpc.VadServiceStub(channels.trunk(address))
        faulty, fine = stub.Listen(), stub.Listen()
        await faulty.write(frame(13))
        assert [response async for response in faulty] == []
        await fine.write(frame(14))
        await fine.done_writing()
        assert [response.heard.mic_offset async for response in fine] == [14]
        assert "a fault of ours" in caplog.text
        await channels.close()


async def test_who_cannot_be_reached_is_told_in_words_and_tried_again() -> None:
    """Nobody there; then somebody is: the next stream dials again."""
    async with echoing() as (_, address):
        pass
    channels = Channels()
    with pytest.raises(StrandBroken, match="can't be reached"):
        await anext(aiter(rpc.VadServiceStub(channels.trunk(address)).Listen()))
    grpc_server = server()
    serve(grpc_server, rpc.add_VadServiceServicer_to_server, Echo())
    bind(grpc_server, address)
    await grpc_server.start()
    async with asyncio.timeout(10):
        while True:
            call = rpc.VadServiceStub(channels.trunk(address)).Listen()
            try:
                await call.write(frame(1))
                assert (await anext(aiter(call))).heard.mic_offset == 1
                break
            except StrandBroken:
                await asyncio.sleep(0.1)
    await channels.close()
    await grpc_server.stop(0)


async def test_a_server_that_dies_breaks_every_stream_at_once() -> None:
    """Both readers learn of it."""
    async with echoing() as (echo, address):
        channels = Channels()
        stub = rpc.VadServiceStub(channels.trunk(address))
        calls = [stub.Listen(), stub.Listen()]
        for call in calls:
            await call.write(frame(1))
            assert (await anext(aiter(call))).heard.mic_offset == 1
        assert echo.streams == 2
    for call in calls:
        with pytest.raises(StrandBroken):
            await anext(aiter(call))
    await channels.close()


async def test_who_leaves_ends_the_handler() -> None:
    """A cancelled call is no proper end, and the other side does not wait for more."""
    async with echoing() as (echo, address):
        channels = Channels()
        call = rpc.VadServiceStub(channels.trunk(address)).Listen()
        await call.write(frame(1))
        await anext(aiter(call))
        call.cancel()
        await eventually(lambda: echo.streams == 0)
        await channels.close()
