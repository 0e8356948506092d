"""Health over gRPC: probes, callers that watch, the command for containers, and a real process from begin to end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2 as wire
from grpc_health.v1 import health_pb2_grpc as rpc

from local.child import ROOT
from local.redis_server import RedisServer
from services.common.errors import SettingsFault, StoreLost
from services.common.health import WATCHERS, Health, listen_address
from services.common.health_state import Needs
from services.common.settings import Environment
from tests.fakes.eventually import eventually, until

ANY = "127.0.0.1:0"
SERVING, NOT_SERVING = wire.HealthCheckResponse.SERVING, wire.HealthCheckResponse.NOT_SERVING
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "protos" / "gen")))}


async def asked(address: str, service: str = "") -> int:
    """Ask once, as a probe does."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = rpc.HealthStub(channel)
        return int((await stub.Check(wire.HealthCheckRequest(service=service), timeout=10)).status)


async def command(address: str, *arguments: str) -> tuple[int | None, str]:
    """Run the command for containers; return its exit code and what it said."""
    env = {**ENV, "PARLEY_HEALTH_LISTEN": address}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.common.health_check", *arguments, env=env, stdout=-1, stderr=-2
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


@asynccontextmanager
async def running(health: Health) -> AsyncIterator[str]:
    """Serve health, and run it."""
    async with health.served() as address, asyncio.TaskGroup() as group:
        task = group.create_task(health.run())
        yield address
        task.cancel()


async def test_probes_see_a_process_begin_and_go_away() -> None:
    """And the callers of its service are told at once, on the stream by which they watch it."""
    health = Health(ANY, "parley.v1.VadService")
    async with running(health) as address, grpc.aio.insecure_channel(address) as channel:
        watch = rpc.HealthStub(channel).Watch(wire.HealthCheckRequest(service="parley.v1.VadService"))
        assert (await watch.read()).status == NOT_SERVING
        assert await asked(address, "startup") == NOT_SERVING
        assert await asked(address, "liveness") == SERVING
        await health.opened()
        assert (await watch.read()).status == SERVING
        assert {await asked(address, name) for name in ("startup", "readiness", "liveness", "")} == {SERVING}
        await health.drain()
        assert (await watch.read()).status == NOT_SERVING
        assert [await asked(address, name) for name in ("readiness", "")] == [NOT_SERVING] * 2
        assert [await asked(address, name) for name in ("startup", "liveness")] == [SERVING] * 2
        with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
            await asked(address, "somebody")
        watch.cancel()


async def test_a_stage_that_has_never_reached_redis_is_not_ready() -> None:
    """It is as soon as Redis answers; being away never ends a process."""
    is_there = False

    async def ping() -> None:
        if not is_there:
            raise StoreLost("Redis is away")

    health = Health(ANY, needs=Needs.ONCE, ping=ping)
    async with running(health) as address:
        await health.opened()
        assert await asked(address, "readiness") == NOT_SERVING
        assert await asked(address, "liveness") == SERVING
        is_there = True

        async def is_ready() -> bool:
            return await asked(address, "readiness") == int(SERVING)

        await until(is_ready)


async def test_the_same_answers_at_the_door_of_the_stage() -> None:
    """Where a client that balances asks, whether or not there is a door for probes."""
    health, server = Health("", "parley.v1.VadService"), grpc.aio.server()
    health.add_to(server)
    address = f"127.0.0.1:{server.add_insecure_port(ANY)}"
    await server.start()
    async with health.served() as nowhere:
        assert nowhere == ""
        assert await asked(address, "parley.v1.VadService") == NOT_SERVING
        await health.opened()
        assert await asked(address, "parley.v1.VadService") == SERVING
    await server.stop(None)


async def test_no_more_than_so_many_watch_at_a_time() -> None:
    """Who only asks is answered all the same, and places are free again."""
    health, server = Health("", "parley.v1.VadService"), grpc.aio.server()
    health.add_to(server)
    address = f"127.0.0.1:{server.add_insecure_port(ANY)}"
    await server.start()
    async with health.served(), grpc.aio.insecure_channel(address) as channel:
        watch = rpc.HealthStub(channel).Watch
        watches = [watch(wire.HealthCheckRequest(service="liveness")) for _ in range(WATCHERS)]
        assert {(await each.read()).status for each in watches} == {SERVING}
        with pytest.raises(grpc.aio.AioRpcError, match="RESOURCE_EXHAUSTED"):
            await watch(wire.HealthCheckRequest(service="liveness")).read()
        assert await asked(address, "liveness") == SERVING
        for each in watches:
            each.cancel()

        async def is_free() -> bool:
            another = watch(wire.HealthCheckRequest(service="liveness"))
            try:
                status: int = (await another.read()).status
            except grpc.aio.AioRpcError:
                return False
            another.cancel()
            return status == int(SERVING)

        await until(is_free)
    await server.stop(None)


async def test_the_command_tells_by_its_exit_code() -> None:
    """0 serves, 1 does not or is not there, 2 was asked wrongly."""
    health = Health(ANY)
    async with running(health) as address:
        assert await command(address) == (1, "readiness: not serving\n")
        await health.opened()
        assert await command(address.replace("127.0.0.1", "0.0.0.0"), "readiness") == (0, "readiness: serving\n")
        assert await command(address, "nobody") == (1, "nobody: there is no such service\n")
    assert await command(address, "liveness") == (1, "liveness: it can't be reached\n")
    assert (await command("", "liveness"))[0] == 2
    assert (await command(address, "--help"))[0] == 2


async def test_a_taken_port_and_a_bad_address_name_the_variable() -> None:
    """At the start, in one line."""
    async with Health(ANY).served() as address:
        with pytest.raises(SettingsFault, match="Set PARLEY_HEALTH_LISTEN"):
            async with Health(address).served():
                pass
    assert listen_address(Environment({"PARLEY_HEALTH_LISTEN": "7790"})) == "127.0.0.1:7790"
    for wrong in ("here", "127.0.0.1:70000"):
        with pytest.raises(SettingsFault, match="PARLEY_HEALTH_LISTEN"):
            listen_address(Environment({"PARLEY_HEALTH_LISTEN": wrong}))


async def test_a_real_egress_announces_its_door_and_is_healthy_without_redis_but_not_ready() -> None:
    """It says where it is asked before it says that it is ready; SIGTERM ends it in good order."""
    env = {**ENV, "PARLEY_LISTEN": ANY, "PARLEY_HEALTH_LISTEN": "0", "PARLEY_REDIS_URL": "redis://127.0.0.1:1/0"}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.egress", env=env, stdout=-1)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            door = (await process.stdout.readline()).decode().split()
            assert door[:2] == ["door", "health"]
            ready = (await process.stdout.readline()).decode().split()
        assert [await asked(door[2], name) for name in ("startup", "liveness")] == [SERVING] * 2
        assert await asked(door[2], "readiness") == NOT_SERVING
        assert await asked(ready[2], "parley.v1.EgressService") == NOT_SERVING
        process.send_signal(signal.SIGTERM)
        await eventually(lambda: process.returncode == 0, 30)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_process_that_is_told_to_stop_is_unready_before_anything_else() -> None:
    """A probe that watches is told while the process is still there, and has been ready since Redis answered."""
    async with RedisServer() as redis:
        env = {**ENV, "PARLEY_LISTEN": ANY, "PARLEY_HEALTH_LISTEN": "0", "PARLEY_REDIS_URL": redis.url}
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.egress", env=env, stdout=-1)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(90):
                door = (await process.stdout.readline()).decode().split()[2]
                await process.stdout.readline()
                async with grpc.aio.insecure_channel(door) as channel:
                    watch = rpc.HealthStub(channel).Watch(wire.HealthCheckRequest(service="readiness"))
                    while (await watch.read()).status != SERVING:
                        pass
                    process.send_signal(signal.SIGTERM)
                    assert (await watch.read()).status == NOT_SERVING
                    watch.cancel()
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
