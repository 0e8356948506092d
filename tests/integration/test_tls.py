"""TLS between stages and at the doors, over real sockets: who is refused, and certificates that change meanwhile."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from parley.v1 import audio_pb2 as audio
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
from tests.fakes.eventually import eventually, until
from tests.integration.echo_stage import Echo

LOOK_S = 0.05
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


@asynccontextmanager
async def echoing(tls: Tls) -> AsyncIterator[str]:
    """Serve a vad that answers each frame."""
    stage = server()
    serve(stage, rpc.add_VadServiceServicer_to_server, Echo())
    address = bind(stage, ANY, tls.ring_server())
    await stage.start()
    yield address
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
        assert await answered(Tls(kept(authority.ring("ingress")), ring_name="broker"), address) == 7
    async with echoing(Tls()) as address:
        assert "does not speak TLS" in str(await answered(ingress, address))


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
    async with echoing(vad) as address, looked_after(ingress, vad):
        channels = Channels(tls=ingress)
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
        await channels.close()


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
            channels = Channels(tls=tls)
            stub = health_pb2_grpc.HealthStub(channels.to(address))
            if knows:
                assert (await stub.Check(ask, timeout=20)).status == health_pb2.HealthCheckResponse.NOT_SERVING
            else:
                with pytest.raises(grpc.aio.AioRpcError):
                    await stub.Check(ask, timeout=20)
            await channels.close()
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


def test_settings_are_read_from_the_environment(tmp_path: Path) -> None:
    """All of them together."""
    authority = Authority(tmp_path)
    tls = Tls.read(Environment(authority.ring("ingress") | authority.doors("parley.example")), has_doors=True)
    assert tls.ring_server() is not None
    assert tls.door_server() is not None
    assert tls.door_context() is tls.door_context()
