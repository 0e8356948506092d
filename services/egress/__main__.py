"""Wires egress: `python -m services.egress`."""

from __future__ import annotations

import asyncio

from parley.v1 import egress_service_pb2_grpc as rpc
from services.common import process
from services.common.rpc import bind, serve, server
from services.common.settings import CommonSettings, Environment
from services.common.store import Store, connect
from services.common.topic import Subscriber
from services.common.usage import REDIS, Usage, listens
from services.egress.server import EgressServer
from services.egress.speakings import Speakings

DEFAULT_PORT = 7703

USAGE = Usage(
    service="egress",
    about="egress speaks: it gives replies to the client in their own time, with captions, and reports what was "
    "played. The broker calls it.",
    variables=(listens(DEFAULT_PORT), REDIS),
    example="PARLEY_LISTEN=127.0.0.1:0",
)


async def main(stopping: asyncio.Event) -> None:
    """Serve until asked to stop."""
    settings = CommonSettings.read(Environment.here(), DEFAULT_PORT)
    store = Store(connect(settings.redis_url))
    topic = Subscriber(settings.redis_url, store)
    speakings = Speakings()
    grpc_server = server()
    serve(grpc_server, rpc.add_EgressServiceServicer_to_server, EgressServer(speakings, topic))
    address = bind(grpc_server, settings.listen)
    async with asyncio.TaskGroup() as group:
        background = [group.create_task(topic.run()), group.create_task(speakings.run())]
        await grpc_server.start()
        process.announce("egress", address)
        await stopping.wait()
        await speakings.drain()
        await grpc_server.stop(grace=0.5)
        for task in background:
            task.cancel()
    await topic.close()
    await store.close()


if __name__ == "__main__":
    process.run(USAGE, main)
