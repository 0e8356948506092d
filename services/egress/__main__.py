"""Wires egress: `python -m services.egress`."""

from __future__ import annotations

import asyncio
from collections import Counter

from parley.v1 import egress_service_pb2_grpc as rpc
from services.common import health, metrics, process
from services.common.health import Health
from services.common.health_state import Needs
from services.common.process_meter import ProcessMeter
from services.common.room import Room, variables
from services.common.rpc import bind, serve, server
from services.common.settings import CommonSettings, Environment
from services.common.store import Store, connect
from services.common.tls import RING, Tls
from services.common.topic import Subscriber
from services.common.usage import HEALTH, METRICS, REDIS, REDIS_ACCESS, Usage, listens
from services.egress.held_replies import HeldReplies
from services.egress.server import EgressServer
from services.egress.speakings import MOST_SESSIONS, Speakings

DEFAULT_PORT = 7703
SERVICE = "parley.v1.EgressService"

USAGE = Usage(
    service="egress",
    about="egress speaks: it gives replies to the client in their own time, with captions, and reports what was "
    "played. The broker calls it.",
    variables=(listens(DEFAULT_PORT), REDIS, *REDIS_ACCESS, *variables(MOST_SESSIONS), METRICS, HEALTH, *RING),
    example="PARLEY_LISTEN=127.0.0.1:0",
)


async def main(stopping: asyncio.Event) -> None:
    """Serve until asked to stop."""
    env = Environment.here()
    settings, metrics_listen = CommonSettings.read(env, DEFAULT_PORT), metrics.listen_address(env)
    room = Room.read(env, "egress", MOST_SESSIONS)
    tls = Tls.read(env)
    registry, tally = metrics.registry(), Counter[str]()
    store = Store(connect(settings.redis_url))
    topic = Subscriber(settings.redis_url, store)
    speakings = Speakings(room=room)
    meter = ProcessMeter(
        registry,
        room,
        tally,
        parked=lambda: speakings.parked,
        sessions=lambda: len(speakings),
        events=lambda: speakings.counters,
        drops=speakings.drops,
        buffers=speakings.buffers,
    )
    registry.register(HeldReplies(lambda: speakings.held_samples))
    vitals = Health(health.listen_address(env), SERVICE, needs=Needs.ONCE, ping=store.ping)
    grpc_server = server()
    vitals.add_to(grpc_server)
    serve(grpc_server, rpc.add_EgressServiceServicer_to_server, EgressServer(speakings, topic), tally, tls.callers())
    address = bind(grpc_server, settings.listen, tls.ring_server())
    with metrics.served(registry, metrics_listen):
        async with vitals.served(), asyncio.TaskGroup() as group:
            background = [group.create_task(each.run()) for each in (topic, speakings, meter, vitals, tls)]
            await grpc_server.start()
            await vitals.opened()
            process.announce("egress", address)
            await stopping.wait()
            await vitals.drain()
            await speakings.drain()
            await grpc_server.stop(grace=0.5)
            for task in background:
                task.cancel()
    await topic.close()
    await store.close()


if __name__ == "__main__":
    process.run(USAGE, main)
