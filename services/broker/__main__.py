"""Wires the broker: `python -m services.broker`."""

from __future__ import annotations

import asyncio

from parley.v1 import broker_service_pb2_grpc as rpc
from services.broker.meter import Meter
from services.broker.server import BrokerServer
from services.broker.settings import BrokerSettings
from services.broker.turn_log import TurnLog
from services.common import metrics, process
from services.common.channels import Channels
from services.common.rpc import bind, serve, server
from services.common.settings import Environment
from services.common.store import Store, connect


async def main(stopping: asyncio.Event) -> None:
    """Think until asked to stop."""
    env = Environment.here()
    settings, metrics_listen = BrokerSettings.read(env), metrics.listen_address(env)
    registry = metrics.registry()
    meter = Meter(registry)
    with TurnLog(env, meter.lines_dropped.inc) as turn_log, metrics.served(registry, metrics_listen):
        await think(settings, meter, turn_log, stopping)


async def think(settings: BrokerSettings, meter: Meter, turn_log: TurnLog, stopping: asyncio.Event) -> None:
    """Serve sessions until asked to stop."""
    store = Store(connect(settings.common.redis_url))
    channels = Channels()
    grpc_server = server()
    broker = BrokerServer(settings.agents, store, channels, meter, turn_log.write)
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
