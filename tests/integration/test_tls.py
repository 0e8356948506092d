"""TLS between stages and at the doors, over real sockets: who is refused, and certificates that change meanwhile."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from parley.v1 import audio_pb2 as audio
from parley.v1 import egress_service_pb2 as egress_wire
from parley.v1 import egress_service_pb2_grpc as egress_rpc
from parley.v1 import stream_pb2
from parley.v1 import vad_service_pb2 as wire
from parley.v1 import vad_service_pb2_grpc as rpc
from services.common.channels import Channels
from services.common.health import Health
from services.common.rpc import bind, channel, door, serve, server
from services.common.settings import Environment
from services.common.tls import KeptCertificate, Peer, Tls
from services.common.tls_certificate import CertificateFiles
from services.common.trunk import StrandBroken
from tests.fakes.certificates import Authority
from tests.fakes.closing import closing
from tests.fakes.eventually import eventually, until
from tests.integration.echo_stage import Echo

LOOK_S = 0.05
READY = stream_pb2.StreamReady()
ANY = "127.0.0.1:0"


def kept(variables: dict[str, str]) -> KeptCertificate:
    """Keep the certificate of these variables, and look at its files often."""
    cert, key, *ca = map(Path, variables.values())
    return KeptCertificate(CertificateFiles(cert, key, ca[0] if ca else None, tuple(variables)), LOOK_S)


@asynccontextmanager
async def looked_after(*those: Tls) -> AsyncIterator[None]:
    """Let them look at their files."""
    tasks = [asyncio.create_task(each.run()) for each in those]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Greeting(egress_rpc.EgressServiceServicer):
    """An egress that says that it is ready."""

    async def Speak(self, requests: Any, context: Any) -> None:  # type: ignore[override]
        """To the broker."""
        await context.write(egress_wire.SpeakResponse(ready=READY))

    async def Attach(self, requests: Any, context: Any) -> None:  # type: ignore[override]
        """To ingress."""
        await context.write(egress_wire.AttachResponse(ready=READY))


@asynccontextmanager
async def echoing(tls: Tls) -> AsyncIterator[str]:
    """Serve a vad that answers each frame."""
    stage = server()
    serve(stage, rpc.add_VadServiceServicer_to_server, Echo(), callers=tls.callers())
    address = bind(stage, ANY, tls.ring_server())
    await stage.start()
    try:
        yield address
    finally:
        await stage.stop(0)


async def spoken(call: grpc.aio.StreamStreamCall[wire.ListenRequest, wire.ListenResponse], offset: int) -> int:
    """Send a frame and return what is answered."""
    await call.write(wire.ListenRequest(audio=audio.AudioFrame(mic_offset=offset)))
    return (await anext(aiter(call))).heard.mic_offset


async def answered(tls: Tls, address: str) -> int | str:
    """Dial a stage, by a connection of one's own; return its answer, or why there is none."""
    channels = Channels(tls=tls)
    try:
        return await spoken(rpc.VadServiceStub(channels.trunk(address)).Listen(), 7)
    except StrandBroken as why:
        return str(why)
    finally:
        await channels.close()


async def test_stages_know_each_other_by_certificate_whatever_the_address(tmp_path: Path) -> None:
    """Both sides are asked; who shows another name, another CA's certificate, or none, is refused, in words."""
    (tmp_path / "other").mkdir()
    authority, other = Authority(tmp_path), Authority(tmp_path / "other")
    ingress, vad = Tls(kept(authority.ring("ingress"))), Tls(kept(authority.ring("vad")))
    async with echoing(vad) as address:
        assert await answered(ingress, address) == 7
        assert "can't be reached" in str(await answered(Tls(), address))
        stranger = Tls(kept(other.ring("ingress")))
        assert "not trusted" in str(await answered(stranger, address))
    async with echoing(Tls(kept(authority.ring("broker")))) as address:  # a broker, where a vad should be
        assert "another name" in str(await answered(ingress, address))
        assert "takes a certificate for ingress, and this caller's is for vad" in str(
            await answered(Tls(kept(authority.ring("vad")), ring_name="broker"), address)
        )
        assert await answered(Tls(kept(authority.ring("ingress")), ring_name="broker"), address) == 7
    async with echoing(Tls()) as address:
        assert "does not speak TLS" in str(await answered(ingress, address))


@pytest.mark.parametrize("name", ["vad", "broker", "egress", "redis"])
async def test_only_the_stage_before_may_call(tmp_path: Path, name: str) -> None:
    """A certificate of the ring's CA is not enough: by trunk or by a stream of its own, vad wants ingress'."""
    authority = Authority(tmp_path)
    async with echoing(Tls(kept(authority.ring("vad")))) as address:
        caller = Tls(kept(authority.ring(name)))
        why = f"takes a certificate for ingress, and this caller's is for {name}: give each stage one"
        said = str(await answered(caller, address))
        assert said.startswith("permission denied: Listen of vad takes")
        assert why in said
        async with channel(address, caller.stage("vad")) as connection:
            with pytest.raises(grpc.aio.AioRpcError, match=why) as refused:
                await spoken(rpc.VadServiceStub(connection).Listen(), 7)
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
            stub = health_pb2_grpc.HealthStub(connection)
            with pytest.raises(grpc.aio.AioRpcError, match="UNIMPLEMENTED"):  # not served here: but not refused
                await stub.Check(health_pb2.HealthCheckRequest(), timeout=20)


async def test_each_of_egress_s_callers_has_its_own_method(tmp_path: Path) -> None:
    """Ingress attaches, the broker speaks, by one trunk each; what is the other's is refused, the trunk goes on."""
    authority = Authority(tmp_path)
    egress, stage = Tls(kept(authority.ring("egress"))), server()
    serve(stage, egress_rpc.add_EgressServiceServicer_to_server, Greeting(), callers=egress.callers())
    address = bind(stage, ANY, egress.ring_server())
    await stage.start()
    for name, allowed in (("ingress", "Attach"), ("broker", "Speak"), ("vad", "")):
        async with closing(Channels(tls=Tls(kept(authority.ring(name))))) as channels:
            stub = egress_rpc.EgressServiceStub(channels.trunk(address))
            for method, call in (("Speak", stub.Speak), ("Attach", stub.Attach)):
                try:
                    heard = (await anext(aiter(call()))).WhichOneof("message")
                except StrandBroken as refused:
                    heard = str(refused)
                assert ("ready" if method == allowed else f"{method} of egress takes a certificate for ") in heard
    await stage.stop(0)


async def test_a_ring_whose_certificates_all_have_one_name(tmp_path: Path) -> None:
    """Then they can't be told apart: whoever has that name may call, and nobody else."""
    authority = Authority(tmp_path)
    shared = Tls(kept(authority.ring("parley")), ring_name="parley")
    async with echoing(shared) as address:
        assert await answered(shared, address) == 7
        stranger = Tls(kept(authority.ring("ingress")), ring_name="parley")
        assert "takes a certificate for parley, and this caller's is for ingress" in str(
            await answered(stranger, address)
        )


async def test_a_caller_without_a_certificate_is_refused(tmp_path: Path) -> None:
    """Knowing the CA is not enough."""
    authority = Authority(tmp_path)
    async with echoing(Tls(kept(authority.ring("vad")))) as address:
        nobody = Peer(grpc.ssl_channel_credentials(authority.ca_file.read_bytes()), "vad")
        async with channel(address, nobody) as connection:
            call = rpc.VadServiceStub(connection).Listen()
            with pytest.raises(grpc.aio.AioRpcError, match="UNAVAILABLE"):
                await spoken(call, 7)


async def test_new_certificates_are_used_by_new_connections_and_no_stream_breaks(tmp_path: Path) -> None:
    """Even where another CA signs them all; who still has the old ones is not let in any more."""
    former = Authority(tmp_path)
    ingress, vad, left_behind = (Tls(kept(former.ring(name))) for name in ("ingress", "vad", "egress"))
    async with echoing(vad) as address, looked_after(ingress, vad), closing(Channels(tls=ingress)) as channels:
        old = rpc.VadServiceStub(channels.trunk(address)).Listen()
        assert await spoken(old, 1) == 1
        before = [tls.stage("vad") for tls in (ingress, vad)]
        assert all(before)
        successor = Authority(tmp_path)
        successor.ring("ingress")
        successor.ring("vad")

        async def has_changed() -> bool:
            return await answered(ingress, address) == 7 and "not trusted" in str(await answered(left_behind, address))

        await until(has_changed, 60)
        assert await spoken(old, 2) == 2


async def test_files_that_are_no_good_change_nothing_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, and not for files that are being written just now; the next good ones are taken."""
    authority = Authority(tmp_path)
    variables = authority.ring("vad")
    certificate = kept(variables)
    vad, first = Tls(certificate), certificate.now
    async with looked_after(vad):
        with caplog.at_level(logging.INFO, "parley.tls"):
            authority.issue("vad", days=-1)
            await eventually(lambda: "the old certificate is kept" in caplog.text, 30)
            await asyncio.sleep(5 * LOOK_S)
            assert caplog.text.count("the old certificate is kept") == 1
            assert "certificate has expired" in caplog.text
            assert certificate.now is first
            authority.issue("vad", days=5)
            await eventually(lambda: certificate.now is not first, 30)
            assert "PARLEY_RING_CERT has changed: a certificate for vad" in caplog.text
            assert "runs out soon" in caplog.text  # the first one did


async def test_a_context_for_websockets_shows_the_new_certificate(tmp_path: Path) -> None:
    """To who connects then; who is there already notices nothing."""
    authority = Authority(tmp_path)
    doors = Tls(doors=kept(authority.doors("one.example")))
    trusting = ssl.create_default_context(cafile=str(authority.ca_file))

    async def mirror(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    async with looked_after(doors), await asyncio.start_server(mirror, "127.0.0.1", 0, ssl=doors.door_context()) as at:
        port = at.sockets[0].getsockname()[1]

        async def connected(name: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
            try:
                return await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=name)
            except ssl.SSLCertVerificationError:
                return None

        old = await connected("one.example")
        assert old is not None
        authority.doors("two.example")

        async def has_changed() -> bool:
            if (found := await connected("two.example")) is not None:
                found[1].close()
            return found is not None

        await until(has_changed, 60)
        new = await connected("two.example")
        assert new is not None
        assert await connected("one.example") is None
        for reader, writer in (old, new):
            writer.write(b"still there\n")
            assert await reader.readline() == b"still there\n"
            writer.close()


async def test_the_door_of_another_ingress_is_trusted_by_the_certificate_that_both_have(tmp_path: Path) -> None:
    """With the name that stands in it, whatever the address; another certificate of that name is not."""
    (tmp_path / "other").mkdir()
    variables = Authority(tmp_path).doors("parley.example")
    here, there = Tls(doors=kept(variables)), Tls(doors=kept(variables))
    stranger = Tls(doors=kept(Authority(tmp_path / "other").doors("parley.example")))
    health, at = Health("", "parley.v1.OperatorService"), door()
    health.add_to(at)
    address = bind(at, ANY, there.door_server())
    await at.start()
    async with health.served():
        ask = health_pb2.HealthCheckRequest(service="parley.v1.OperatorService")
        for tls, knows in ((here, True), (stranger, False), (Tls(), False)):
            async with closing(Channels(tls=tls)) as channels:
                stub = health_pb2_grpc.HealthStub(channels.to(address))
                if knows:
                    assert (await stub.Check(ask, timeout=20)).status == health_pb2.HealthCheckResponse.NOT_SERVING
                else:
                    with pytest.raises(grpc.aio.AioRpcError):
                        await stub.Check(ask, timeout=20)
    await at.stop(0)


async def test_a_connection_of_age_takes_no_new_call_and_breaks_none(tmp_path: Path) -> None:
    """At the clients' door: the call goes on past the age of its connection, and the next one is made anew."""
    health, at = Health("", "parley.v1.ConversationService"), door(age_s=0.5)
    health.add_to(at)
    address = bind(at, ANY)
    await at.start()
    ask = health_pb2.HealthCheckRequest(service="parley.v1.ConversationService")
    async with health.served(), channel(address) as connection:
        stub = health_pb2_grpc.HealthStub(connection)
        watch = stub.Watch(ask)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        await asyncio.sleep(2.0)
        await health.opened()
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        assert (await stub.Check(ask, timeout=20)).status == health_pb2.HealthCheckResponse.SERVING
        watch.cancel()
    await at.stop(0)


async def test_a_flood_of_bad_handshakes_leaves_no_line_in_the_log(tmp_path: Path) -> None:
    """The library would write one for each, past ours and not in JSON: whoever knocks could fill a disk."""
    env = os.environ | Authority(tmp_path).ring("egress") | {"PARLEY_LISTEN": ANY, "PARLEY_LOG": "json"}
    env["PYTHONPATH"] = os.pathsep.join(sys.path)
    env.pop("GRPC_VERBOSITY", None)
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "services.egress")
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=pipe, stderr=pipe)
    assert process.stdout is not None
    ready = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().split()
    assert ready[:2] == ["ready", "egress"]
    host, _, port = ready[2].rpartition(":")
    for _ in range(20):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.read()
        writer.close()
    process.terminate()
    _, said = await asyncio.wait_for(process.communicate(), 60)
    lines = [json.loads(line) for line in said.splitlines()]
    assert lines, "its own log"
    assert "andshake" not in said.decode()


def test_settings_are_read_from_the_environment(tmp_path: Path) -> None:
    """All of them together."""
    authority = Authority(tmp_path)
    tls = Tls.read(Environment(authority.ring("ingress") | authority.doors("parley.example")), has_doors=True)
    assert tls.ring_server() is not None
    assert tls.door_server() is not None
    assert tls.door_context() is tls.door_context()
