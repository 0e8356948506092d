"""Wires the broker: `python -m services.broker`."""

from __future__ import annotations

import asyncio
from collections import Counter

from prometheus_client import CollectorRegistry

from parley.v1 import broker_service_pb2_grpc as rpc
from services.broker.meter import Meter
from services.broker.model_settings import ANSWER_S, CONNECT_S, MODEL, TRANSCRIPTION, VOICE
from services.broker.server import BrokerServer
from services.broker.sessions import MOST_SESSIONS
from services.broker.settings import DEFAULT_PORT, BrokerSettings
from services.broker.turn_log import TurnLog
from services.common import health, metrics, process
from services.common.channels import Channels
from services.common.health import Health
from services.common.health_state import Needs
from services.common.process_meter import ProcessMeter
from services.common.room import Room, variables
from services.common.rpc import bind, serve, server
from services.common.settings import Environment
from services.common.store import Store, connect
from services.common.tls import RING, Tls
from services.common.usage import AGENTS, HEALTH, HISTORY, METRICS, REDIS, REDIS_ACCESS, Usage, Variable, listens

SERVICE = "parley.v1.BrokerService"

USAGE = Usage(
    service="broker",
    about="broker thinks: it holds each session's conversation with a Realtime model, carries out tools, and gives the "
    "replies to egress. vad calls it. Without a key its model is our own engine (python -m services.engine).",
    variables=(
        listens(DEFAULT_PORT),
        REDIS,
        *REDIS_ACCESS,
        HISTORY,
        AGENTS,
        Variable("OPENAI_API_KEY", "the model's key; with it OpenAI is the model"),
        Variable(
            "PARLEY_MODEL_SERVER", "the profile of its server, see docs/models.md", "openai with a key, else engine"
        ),
        Variable("PARLEY_SERVERS", "folder of profiles of your own"),
        Variable(
            "PARLEY_MODEL_URL", "ws:// or wss:// address of a Realtime server; several with commas", "the profile's"
        ),
        Variable("PARLEY_MODEL", "the model's name", f"the profile's, {MODEL} at OpenAI"),
        Variable("PARLEY_VOICE", "how it sounds", f"the profile's, {VOICE} at OpenAI"),
        Variable("PARLEY_INSTRUCTIONS", "how it behaves", "a friendly assistant"),
        Variable(
            "PARLEY_TRANSCRIPTION_MODEL",
            "writes down the person's words; off: nothing",
            f"the profile's, {TRANSCRIPTION} at OpenAI",
        ),
        Variable("PARLEY_TRANSCRIPT_TIMING", "aligned or ahead: when the model sends its words", "the profile's"),
        Variable("PARLEY_MODEL_CONNECT_S", "seconds that the model has to begin a session", CONNECT_S),
        Variable("PARLEY_MODEL_ANSWER_S", "seconds that it has to take up a request", ANSWER_S),
        Variable("PARLEY_SPECULATE", "on or off: answers are begun when a turn has probably ended", "on"),
        *variables(MOST_SESSIONS),
        METRICS,
        HEALTH,
        *RING,
        Variable("PARLEY_TURN_LOG", "file for a line of JSON per turn; -: standard output", "not written"),
    ),
    example="OPENAI_API_KEY=sk-... PARLEY_AGENTS=deploy/agents",
)


async def main(stopping: asyncio.Event) -> None:
    """Think until asked to stop."""
    env = Environment.here()
    settings, metrics_listen = BrokerSettings.read(env), metrics.listen_address(env)
    room = Room.read(env, "broker", MOST_SESSIONS)
    registry = metrics.registry()
    meter = Meter(registry)
    with TurnLog(env, meter.lines_dropped.inc) as turn_log, metrics.served(registry, metrics_listen):
        await think(settings, meter, registry, turn_log, room, health.listen_address(env), Tls.read(env), stopping)


async def think(
    settings: BrokerSettings,
    meter: Meter,
    registry: CollectorRegistry,
    turn_log: TurnLog,
    room: Room,
    health_listen: str,
    tls: Tls,
    stopping: asyncio.Event,
) -> None:
    """Serve sessions until asked to stop; then let others go on with them."""
    tally = Counter[str]()
    store = Store(connect(settings.common.redis_url), settings.common.history_s)
    channels = Channels(tally, tls)
    vitals = Health(health_listen, SERVICE, needs=Needs.ONCE, ping=store.ping)
    grpc_server = server()
    vitals.add_to(grpc_server)
    broker = BrokerServer(settings.agents, store, channels, meter, turn_log.write, room)
    looking = ProcessMeter(registry, room, tally, parked=broker.parked, events=broker.events, buffers=broker.buffers)
    serve(grpc_server, rpc.add_BrokerServiceServicer_to_server, broker, tally, tls.callers())
    address = bind(grpc_server, settings.common.listen, tls.ring_server())
    async with vitals.served(), asyncio.TaskGroup() as group:
        background = [group.create_task(each.run()) for each in (looking, vitals, tls)]
        await grpc_server.start()
        await vitals.opened()
        process.announce("broker", address)
        await stopping.wait()
        await vitals.drain()
        await broker.drain()
        await grpc_server.stop(grace=0.5)
        for task in background:
            task.cancel()
    await broker.close()
    await channels.close()
    await store.close()


if __name__ == "__main__":
    process.run(USAGE, main)
