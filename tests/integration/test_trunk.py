"""Trunks over real gRPC: the servicers and stubs that generated code knows, with one stream between two processes."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from local.supervisor import Supervisor
from parley.v1 import audio_pb2 as audio
from parley.v1 import vad_service_pb2 as wire
from parley.v1 import vad_service_pb2_grpc as rpc
from services.common.channels import Channels
from services.common.trunk import StrandBroken
from tests.fakes.closing import closing
from tests.fakes.eventually import eventually
from tests.integration.echo_stage import echoing, program


def frame(offset: int) -> wire.ListenRequest:
    """Return a frame that is known by its offset."""
    return wire.ListenRequest(audio=audio.AudioFrame(mic_offset=offset, pcm=bytes(640)))


async def answer(channels: Channels, address: str, offset: int = 1) -> int:
    """Open a stream, send a frame and return what is answered. Raises StrandBroken."""
    call = rpc.VadServiceStub(channels.trunk(address)).Listen()
    await call.write(frame(offset))
    answered = await anext(aiter(call))
    call.cancel()
    return answered.heard.mic_offset


async def test_many_sessions_share_one_stream() -> None:
    """Thirty streams at a time, each with its own messages in order, and all of them over at the end."""
    async with echoing() as (echo, address), closing(Channels()) as channels:

        async def session(number: int) -> list[int]:
            call = rpc.VadServiceStub(channels.trunk(address)).Listen()
            for offset in range(20):
                await call.write(frame(number * 1_000 + offset))
            await call.done_writing()
            return [response.heard.mic_offset async for response in call]

        answers = await asyncio.gather(*(session(number) for number in range(1, 31)))
        assert answers == [[number * 1_000 + offset for offset in range(20)] for number in range(1, 31)]
        assert echo.streams == 0


async def test_a_fault_in_one_stream_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """The handler's traceback is in the log, its stream ends, and the neighbour's goes on."""
    async with echoing() as (_, address), closing(Channels()) as channels:
        stub = rpc.VadServiceStub(channels.trunk(address))
        faulty, fine = stub.Listen(), stub.Listen()
        await faulty.write(frame(13))
        assert [response async for response in faulty] == []
        await fine.write(frame(14))
        await fine.done_writing()
        assert [response.heard.mic_offset async for response in fine] == [14]
        assert "a fault of ours" in caplog.text


async def test_who_cannot_be_reached_is_told_in_words_and_tried_again() -> None:
    """Nobody there; then somebody is: the next stream dials again."""
    async with echoing() as (_, address):
        pass
    async with closing(Channels()) as channels:
        with pytest.raises(StrandBroken, match="can't be reached"):
            await anext(aiter(rpc.VadServiceStub(channels.trunk(address)).Listen()))
        async with echoing(address):
            assert await answer(channels, address) == 1


async def test_a_server_that_dies_breaks_every_stream_at_once() -> None:
    """Both readers learn of it."""
    async with closing(Channels()) as channels:
        async with echoing() as (echo, address):
            stub = rpc.VadServiceStub(channels.trunk(address))
            calls = [stub.Listen(), stub.Listen()]
            for call in calls:
                await call.write(frame(1))
                assert (await anext(aiter(call))).heard.mic_offset == 1
            assert echo.streams == 2
        for call in calls:
            with pytest.raises(StrandBroken):
                await anext(aiter(call))


async def test_who_leaves_ends_the_handler() -> None:
    """A cancelled call is no proper end, and the other side does not wait for more."""
    async with echoing() as (echo, address), closing(Channels()) as channels:
        call = rpc.VadServiceStub(channels.trunk(address)).Listen()
        await call.write(frame(1))
        await anext(aiter(call))
        call.cancel()
        await eventually(lambda: echo.streams == 0)


# Silence.


@pytest.fixture
async def stage() -> AsyncIterator[tuple[Supervisor, str]]:
    """A stage in a process of its own, and its address."""
    async with Supervisor() as supervisor:
        yield supervisor, await supervisor.start(program())


async def test_a_frozen_stage_is_found_and_finds_out(stage: tuple[Supervisor, str]) -> None:
    """Every stream to it breaks within two seconds; when it wakes, its own ends of them break, too."""
    supervisor, address = stage
    async with closing(Channels()) as channels:
        stub = rpc.VadServiceStub(channels.trunk(address))
        calls = [stub.Listen(), stub.Listen()]
        for call in calls:
            await call.write(frame(1))
            await anext(aiter(call))
        await eventually(lambda: supervisor.logs("echo")[-1] == "streams 2")
        supervisor.kill("echo", signal.SIGSTOP)
        began = time.monotonic()
        try:
            for call in calls:
                with pytest.raises(StrandBroken, match="sent nothing for"):
                    await anext(aiter(call))
            assert time.monotonic() - began < 2.6, "two, and what a busy machine takes"
            with pytest.raises(StrandBroken):
                await answer(channels, address)
        finally:
            supervisor.kill("echo", signal.SIGCONT)
        await eventually(lambda: supervisor.logs("echo")[-1] == "streams 0")
        assert await answer(channels, address, 5) == 5


async def test_a_frozen_caller_is_found(stage: tuple[Supervisor, str]) -> None:
    """The stage breaks the streams of a caller that is silent; the caller learns of it when it is awake again."""
    supervisor, address = stage
    async with closing(Channels()) as channels:
        call = rpc.VadServiceStub(channels.trunk(address)).Listen()
        await call.write(frame(1))
        await anext(aiter(call))
        await asyncio.sleep(0.1)
        time.sleep(3)  # noqa: ASYNC251 - the whole process is to be frozen
        with pytest.raises(StrandBroken, match="broke"):
            await anext(aiter(call))
        await eventually(lambda: supervisor.logs("echo")[-1] == "streams 0")
        assert await answer(channels, address, 5) == 5


async def test_a_caller_that_stalls_for_a_moment_blames_nobody(stage: tuple[Supervisor, str]) -> None:
    """Time that it slept through is not its peer's silence."""
    _, address = stage
    async with closing(Channels()) as channels:
        call = rpc.VadServiceStub(channels.trunk(address)).Listen()
        for _ in range(4):
            time.sleep(1)  # noqa: ASYNC251 - the whole process is to be frozen
            await call.write(frame(1))
            assert (await anext(aiter(call))).heard.mic_offset == 1


async def test_a_stage_that_was_restarted_is_reached_at_once(stage: tuple[Supervisor, str]) -> None:
    """It is tried again as often as anybody wants; no connection waits before the next attempt."""
    supervisor, address = stage
    async with closing(Channels()) as channels:
        await answer(channels, address)
        supervisor.kill("echo")
        refused = 0
        async with asyncio.timeout(20):
            while True:
                began = time.monotonic()
                try:
                    assert await answer(channels, address) == 1
                    break
                except StrandBroken:
                    refused += 1
                    await asyncio.sleep(0.02)
        assert refused > 3
        assert time.monotonic() - began < 0.5, "gRPC's own pause would be a second and more"


@contextmanager
def black_hole() -> Iterator[str]:
    """An address that answers no attempt to connect: its queue is full, and the system drops what comes."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = []
        try:
            for _ in range(4):
                waiting.append(socket.socket())
                waiting[-1].setblocking(False)
                waiting[-1].connect_ex(listening.getsockname())
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            for each in waiting:
                each.close()


@contextmanager
def mute() -> Iterator[str]:
    """An address that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("nowhere", [black_hole, mute])
async def test_a_connection_that_hangs_is_found(nowhere: Callable[[], AbstractContextManager[str]]) -> None:
    """Cut off by a network that drops everything, or taken by a process that is frozen: it takes two seconds."""
    async with closing(Channels()) as channels:
        with nowhere() as address:
            began = time.monotonic()
            with pytest.raises(StrandBroken):
                await answer(channels, address)
            assert time.monotonic() - began < 2.6


async def test_addresses_that_nothing_goes_to_any_more_are_not_kept() -> None:
    """In a cluster each new copy has another one. Who still holds a trunk may use it, and it ends with the others."""
    async with echoing() as (echo, address):
        async with closing(Channels()) as channels:
            held = rpc.VadServiceStub(channels.trunk(address))
            for number in range(100):
                channels.trunk(f"10.0.0.{number}:7701")
            assert len(channels._trunks) == 1
            call = held.Listen()
            await call.write(frame(7))
            assert (await anext(aiter(call))).heard.mic_offset == 7
        await eventually(lambda: echo.streams == 0, 30)
