"""A stage that answers each frame with its offset: in this process, or in one of its own that can be frozen and killed.

`python -m tests.integration.echo_stage` serves one and says `ready echo HOST:PORT`, then how many streams it has.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from local.child import Program
from parley.v1 import audio_pb2 as audio
from parley.v1 import vad_service_pb2 as wire
from parley.v1 import vad_service_pb2_grpc as rpc
from services.common import process
from services.common.rpc import bind, serve, server
from services.common.trunk_server import StrandContext


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
async def echoing(listen: str = "127.0.0.1:0") -> AsyncIterator[tuple[Echo, str]]:
    """Serve one."""
    echo, grpc_server = Echo(), server()
    serve(grpc_server, rpc.add_VadServiceServicer_to_server, echo)
    address = bind(grpc_server, listen)
    await grpc_server.start()
    try:
        yield echo, address
    finally:
        await grpc_server.stop(0)


def program() -> Program:
    """Describe one in a process of its own; after its death it comes back at its address."""
    argv = [sys.executable, "-m", "tests.integration.echo_stage"]
    env = {"PYTHONPATH": os.pathsep.join(sys.path), "PARLEY_LISTEN": "127.0.0.1:0"}
    ready = re.compile(r"^ready echo (?P<address>\S+)")
    return Program("echo", argv, ready, env, settle=lambda address: {"PARLEY_LISTEN": address})


async def _main() -> None:
    async with echoing(os.environ["PARLEY_LISTEN"]) as (echo, address):
        process.announce("echo", address)
        told = 0
        while True:
            await asyncio.sleep(0.02)
            if echo.streams != told:
                told = echo.streams
                print(f"streams {told}", flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
