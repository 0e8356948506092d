"""Wires the broker: `python -m services.broker`."""

from __future__ import annotations

import asyncio

from parley.v1 import broker_service_pb2_grpc as rpc
from services.broker.server import BrokerServer
from services.broker.settings import BrokerSettings
from services.common import process
from services.common.channels import Channels
from services.common.rpc import bind, serve, server
from services.common.settings import Environment
from services.common.store import Store, connect


async def main(stopping: asyncio.Event) -> None:
    """Think until asked to stop."""
    settings = BrokerSettings.read(Environment.here())
    store = Store(connect(settings.common.redis_url))
    channels = Channels()
    grpc_server = server()
    broker = BrokerServer(settings.agents, store, channels)
    serve(grpc_server, rpc.add_BrokerServiceServicer_to_server, broker)
    address = bind(grpc_server, settings.common.listen)
    await grpc_server.start()
    process.announce("broker", address)
    await stopping.wait()
    await grpc_server.stop(grace=0.5)
    await broker.close()
    await channels.close()
    await store.close()


if __name__ == "__main__":
    process.run("broker", main)
