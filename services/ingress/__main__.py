"""Wires ingress: `python -m services.ingress`."""

from __future__ import annotations

import asyncio
from collections import Counter

from parley.v1 import operator_service_pb2_grpc as rpc
from services.common import health, metrics, process
from services.common.channels import Channels
from services.common.errors import SettingsFault
from services.common.health import Health
from services.common.health_state import Needs
from services.common.process_meter import ProcessMeter
from services.common.room import Room, variables
from services.common.rpc import bind, door
from services.common.settings import Environment
from services.common.store import Store, connect
from services.common.tls import DOORS, RING, Tls
from services.common.topic import Subscriber
from services.common.usage import HEALTH, HISTORY, METRICS, REDIS, REDIS_ACCESS, Usage, Variable, listens
from services.ingress.admission import STAGE
from services.ingress.call import Calls
from services.ingress.discovery import Discovery
from services.ingress.limits import Limits
from services.ingress.locks.doorkeeper import Doorkeeper
from services.ingress.locks.settings import VARIABLES as LOCKS
from services.ingress.locks.settings import LockSettings
from services.ingress.meter import LostLeases, buffers, drops
from services.ingress.operator_settings import OperatorSettings
from services.ingress.operators import OperatorServer
from services.ingress.page import Page
from services.ingress.route import DEFAULT_PORT, DEFAULT_WEBSOCKET, IngressSettings, Routes
from services.ingress.server import SERVICE, ConversationServer
from services.ingress.websocket import WebSocketDoor

USAGE = Usage(
    service="ingress",
    about="ingress hears: clients come in here, over gRPC and WebSocket (docs/protocol.md). It calls vad and egress.",
    variables=(
        listens(DEFAULT_PORT),
        Variable("PARLEY_WS_LISTEN", "host:port of the WebSocket door", DEFAULT_WEBSOCKET),
        Variable(
            "PARLEY_WS_ORIGINS", "whose web pages may call besides its own: https://a.example or *", "this machine's"
        ),
        Variable("PARLEY_WEB_PAGE", "on or off: whether the WebSocket door serves the web client at /", "on"),
        REDIS,
        *REDIS_ACCESS,
        HISTORY,
        Variable("PARLEY_VADS", "where the vads are: host:port,host:port, or dns:name:port", "127.0.0.1:7701"),
        Variable("PARLEY_BROKERS", "where the brokers are", "127.0.0.1:7702"),
        Variable("PARLEY_EGRESSES", "where the egresses are", "127.0.0.1:7703"),
        *LOCKS,
        Variable("PARLEY_OPERATOR_TOKEN", "lets your own code take part, see docs/operators.md", "nobody may"),
        Variable("PARLEY_ADVERTISE", "host:port at which other ingresses find this one", "where it listens"),
        *variables(Limits.max_sessions),
        METRICS,
        HEALTH,
        *DOORS,
        *RING,
        Variable("PARLEY_MAX_MESSAGE_BYTES", "bytes of one message of a client", Limits.max_message_bytes),
        Variable("PARLEY_MAX_FRAME_MS", "milliseconds of audio in one message", Limits.max_frame_ms),
        Variable("PARLEY_MAX_MESSAGES_PER_S", "messages a second of one client, on average", Limits.max_messages_per_s),
        Variable("PARLEY_MAX_AHEAD_MS", "milliseconds of audio that may come faster than spoken", Limits.max_ahead_ms),
        Variable("PARLEY_HANDSHAKE_S", "seconds from the connection to Open", Limits.handshake_s),
        Variable("PARLEY_MAX_WAITING", "connections that have opened no conversation yet", Limits.max_waiting),
        Variable("PARLEY_MAX_WAITING_PER_ADDRESS", "those of one address", Limits.max_waiting_per_address),
        Variable("PARLEY_CLIENT_SILENT_S", "seconds after which a silent client has gone", Limits.client_silent_s),
        Variable("PARLEY_SLOW_READER_S", "seconds after which one that does not read is closed", Limits.slow_reader_s),
        Variable("PARLEY_MAX_IDLE_S", "seconds without a word that end a session; 0: none", Limits.max_idle_s),
        Variable("PARLEY_MAX_SESSION_S", "seconds of the longest session; 0: no limit", Limits.max_session_s),
        Variable(
            "PARLEY_RESUME_S", "seconds a client that lost its connection has to come back; 0: none", Limits.resume_s
        ),
        Variable("PARLEY_DRAIN_S", "seconds clients have to resume elsewhere when this one stops", Limits.drain_s),
    ),
    example="PARLEY_LISTEN=127.0.0.1:7800 PARLEY_MAX_SESSIONS=20",
)


async def main(stopping: asyncio.Event) -> None:
    """Take calls until asked to stop."""
    env = Environment.here()
    settings, limits, operators = IngressSettings.read(env), Limits.read(env), OperatorSettings.read(env)
    room, metrics_listen = Room.read(env, STAGE, Limits.max_sessions), metrics.listen_address(env)
    locks = LockSettings.read(
        env, (("PARLEY_LISTEN", settings.common.listen), ("PARLEY_WS_LISTEN", settings.websocket_listen))
    )
    tls, page = Tls.read(env, has_doors=True), Page.read(env)
    registry, tally = metrics.registry(), Counter[str]()
    redis = connect(settings.common.redis_url)
    doorkeeper, store = Doorkeeper(limits, locks, redis), Store(redis, settings.common.history_s)
    locks.tell()
    topic = Subscriber(settings.common.redis_url, store)
    channels = Channels(tally, tls)
    vitals = Health(
        health.listen_address(env), SERVICE, needs=Needs.ALWAYS, ping=store.ping, also=lambda: discovery.is_complete
    )
    grpc_server = door()
    vitals.add_to(grpc_server)
    address = bind(grpc_server, settings.common.listen, tls.door_server())
    routes = Routes(settings)
    discovery = Discovery(routes)
    calls = Calls(store, topic, routes, channels, limits, operators.advertise or address, room, doorkeeper)
    meter = ProcessMeter(
        registry,
        room,
        tally,
        parked=lambda: calls.parked,
        sessions=lambda: len(calls),
        events=lambda: calls.counters,
        drops=lambda: drops(calls.counters, calls.sessions()),
        buffers=lambda: buffers(calls.sessions()),
    )
    registry.register(LostLeases(lambda: calls.leases_lost))
    ConversationServer(calls, tally).add_to(grpc_server)
    rpc.add_OperatorServiceServicer_to_server(OperatorServer(calls, store, channels, operators.token), grpc_server)
    websocket_door = WebSocketDoor(calls, settings.origins, page)
    with metrics.served(registry, metrics_listen):
        async with vitals.served():
            await discovery.begin()
            await grpc_server.start()
            try:
                listening = await websocket_door.listen(settings.websocket_listen, tls.door_context())
            except SettingsFault:
                await grpc_server.stop(grace=None)
                raise
            process.announce_door("websocket", listening)
            async with asyncio.TaskGroup() as group:
                background = [group.create_task(each.run()) for each in (topic, calls, meter, vitals, discovery, tls)]
                await vitals.opened()
                process.announce("ingress", address)
                await stopping.wait()
                await vitals.drain()
                websocket_door.drain()
                await calls.drain()
                await asyncio.gather(grpc_server.stop(grace=1.0), websocket_door.close())
                for task in background:
                    task.cancel()
    await channels.close()
    await topic.close()
    await store.close()


if __name__ == "__main__":
    process.run(USAGE, main)
