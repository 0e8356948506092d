"""Wires vad: `python -m services.vad`."""

from __future__ import annotations

import asyncio
from collections import Counter

from parley.v1 import vad_service_pb2_grpc as rpc
from services.common import health, metrics, process
from services.common.channels import Channels
from services.common.health import Health
from services.common.health_state import Needs
from services.common.process_meter import ProcessMeter
from services.common.room import Room, variables
from services.common.rpc import bind, serve, server
from services.common.settings import CommonSettings, Environment
from services.common.store import Store, connect
from services.common.tls import RING, Tls
from services.common.topic import Publisher
from services.common.usage import AGENTS, HEALTH, METRICS, REDIS, REDIS_ACCESS, Usage, Variable, listens
from services.vad.content.listener import ContentModel
from services.vad.hearing import Hearing
from services.vad.judge import Judge
from services.vad.profile import read_profiles
from services.vad.server import MOST_SESSIONS, VadServer
from services.vad.silero import SileroModel
from services.vad.smart_turn import SmartTurn

DEFAULT_PORT = 7701
SERVICE = "parley.v1.VadService"

USAGE = Usage(
    service="vad",
    about="vad decides: when a turn begins and ends, and what of speech over a reply interrupts it. Ingress calls it, "
    "and it calls the broker.",
    variables=(
        listens(DEFAULT_PORT),
        REDIS,
        *REDIS_ACCESS,
        AGENTS,
        Variable("PARLEY_MODELS", "folder of the models' weights", "services/vad/models, where `make setup` puts them"),
        *variables(MOST_SESSIONS),
        METRICS,
        HEALTH,
        *RING,
    ),
    example="PARLEY_AGENTS=deploy/agents",
)


async def main(stopping: asyncio.Event) -> None:
    """Decide until asked to stop."""
    env = Environment.here()
    settings, agents = CommonSettings.read(env, DEFAULT_PORT), read_profiles(env)
    room, metrics_listen = Room.read(env, "vad", MOST_SESSIONS), metrics.listen_address(env)
    tls = Tls.read(env)
    registry, tally = metrics.registry(), Counter[str]()
    redis = connect(settings.redis_url)
    topic = Publisher(redis)
    judge = Judge(SmartTurn())
    channels = Channels(tally, tls)
    vitals = Health(health.listen_address(env), SERVICE, needs=Needs.ONCE, ping=Store(redis).ping)
    grpc_server = server()
    vitals.add_to(grpc_server)
    hearing = Hearing(SileroModel(), asyncio.get_running_loop().call_soon)
    vad = VadServer(hearing, judge, ContentModel(), agents, topic, channels, room=room)
    meter = ProcessMeter(
        registry,
        room,
        tally,
        parked=lambda: vad.parked,
        sessions=lambda: len(vad),
        events=lambda: vad.counters,
        buffers=vad.buffers,
    )
    registry.register(vad.tally)
    serve(grpc_server, rpc.add_VadServiceServicer_to_server, vad, tally, tls.callers())
    address = bind(grpc_server, settings.listen, tls.ring_server())
    with metrics.served(registry, metrics_listen):
        async with vitals.served(), asyncio.TaskGroup() as group:
            background = [group.create_task(each.run()) for each in (topic, meter, vitals, tls)]
            await grpc_server.start()
            await vitals.opened()
            process.announce("vad", address)
            await stopping.wait()
            await vitals.drain()
            await vad.drain()
            await grpc_server.stop(grace=0.5)
            for task in background:
                task.cancel()
    judge.close()
    await channels.close()
    await redis.aclose()


if __name__ == "__main__":
    process.run(USAGE, main)
