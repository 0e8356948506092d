"""Wires ingress: `python -m services.ingress`."""

from __future__ import annotations

import asyncio

from parley.v1 import conversation_service_pb2_grpc as rpc
from services.common import process
from services.common.channels import Channels
from services.common.rpc import bind, server
from services.common.settings import Environment
from services.common.store import Store, connect
from services.common.topic import Subscriber
from services.ingress.call import Calls
from services.ingress.limits import Limits
from services.ingress.route import IngressSettings, Routes
from services.ingress.server import ConversationServer


async def main(stopping: asyncio.Event) -> None:
    """Take calls until asked to stop."""
    settings = IngressSettings.read(Environment.here())
    limits = Limits.read(Environment.here())
    store = Store(connect(settings.common.redis_url))
    topic = Subscriber(settings.common.redis_url, store)
    channels = Channels()
    calls = Calls(store, topic, Routes(settings), channels, limits)
    grpc_server = server(limits.max_message_bytes)
    rpc.add_ConversationServiceServicer_to_server(ConversationServer(calls), grpc_server)
    address = bind(grpc_server, settings.common.listen)
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(topic.run())
        await grpc_server.start()
        process.announce("ingress", address)
        await stopping.wait()
        calls.drain()
        await grpc_server.stop(grace=1.0)
        listening.cancel()
    await channels.close()
    await topic.close()
    await store.close()


if __name__ == "__main__":
    process.run("ingress", main)
