"""Wires ingress: `python -m services.ingress`."""

from __future__ import annotations

import asyncio

from parley.v1 import operator_service_pb2_grpc as rpc
from services.common import process
from services.common.channels import Channels
from services.common.rpc import bind, server
from services.common.settings import Environment
from services.common.store import Store, connect
from services.common.topic import Subscriber
from services.ingress.call import Calls
from services.ingress.limits import Limits
from services.ingress.operator_settings import OperatorSettings
from services.ingress.operators import OperatorServer
from services.ingress.route import IngressSettings, Routes
from services.ingress.server import ConversationServer
from services.ingress.websocket import WebSocketDoor


async def main(stopping: asyncio.Event) -> None:
    """Take calls until asked to stop."""
    settings = IngressSettings.read(Environment.here())
    limits = Limits.read(Environment.here())
    operators = OperatorSettings.read(Environment.here())
    store = Store(connect(settings.common.redis_url))
    topic = Subscriber(settings.common.redis_url, store)
    channels = Channels()
    grpc_server = server()
    address = bind(grpc_server, settings.common.listen)
    calls = Calls(store, topic, Routes(settings), channels, limits, operators.advertise or address)
    ConversationServer(calls).add_to(grpc_server)
    rpc.add_OperatorServiceServicer_to_server(OperatorServer(calls, store, channels, operators.token), grpc_server)
    websocket_door = WebSocketDoor(calls, settings.origins)
    async with asyncio.TaskGroup() as group:
        background = [group.create_task(topic.run()), group.create_task(calls.run())]
        await grpc_server.start()
        process.announce_door("websocket", await websocket_door.listen(settings.websocket_listen))
        process.announce("ingress", address)
        await stopping.wait()
        websocket_door.drain()
        calls.drain()
        await asyncio.gather(grpc_server.stop(grace=1.0), websocket_door.close())
        for task in background:
            task.cancel()
    await channels.close()
    await topic.close()
    await store.close()


if __name__ == "__main__":
    process.run("ingress", main)
