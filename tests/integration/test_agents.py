"""Agents before the whole ring: a client gets the one it names, or is told which there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.child import StartFault
from local.ring import Ring, RingSettings
from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2
from tests.integration.bad_input.raw_caller import DOORS, raw_caller


def settings(folder: str) -> RingSettings:
    """A ring with its own engine and the profiles of this folder."""
    return RingSettings(engine=True, env={name: {"PARLEY_AGENTS": folder} for name in ("vad", "broker")})


async def test_a_client_that_names_no_agent_of_ours_is_told_which_there_are() -> None:
    """One clear error at either door, not to be tried again; a good name, and none, are let in."""
    async with Ring(settings("deploy/agents")) as ring:
        for door in DOORS:
            async with raw_caller(door, ring) as caller:
                await caller.send(wire.ConverseRequest(open=wire.Open(protocol=1, agent="nobody")))
                await caller.hear()
            errors = [response.error for response in caller.responses if response.HasField("error")]
            message = "there is no agent 'nobody'; there are: default, patient, reception."
            assert errors == [stream_pb2.Error(code=stream_pb2.Error.CODE_PROTOCOL, message=message)]
            assert caller.kinds() == ["error", "closed"]
            assert caller.ending == ("OK" if door == "grpc" else "4001")
            for name in ("", "patient", "reception"):
                async with raw_caller(door, ring) as caller:
                    await caller.opens(agent=name)
                    await caller.send(wire.ConverseRequest(end=wire.End()))
                    await caller.hear()
                kinds = caller.kinds()
                assert (kinds[0], kinds[-1], "error" in kinds) == ("opened", "closed", False), (
                    "a greeting may have begun"
                )


async def test_an_agent_finds_the_rings_own_engine_by_its_profile(tmp_path: Path) -> None:
    """Wherever that listens this time; and what is wrong in a profile keeps the broker from starting, with its line."""
    (tmp_path / "own.yaml").write_text("model: {server: engine}\nvoice: {greeting: Hello there.}\n")
    async with Ring(settings(str(tmp_path))) as ring, raw_caller("grpc", ring) as caller:
        await caller.opens(agent="own")
        await caller.send(wire.ConverseRequest(end=wire.End()))
        await caller.hear()
        assert caller.kinds()[0] == "opened"
        assert "error" not in caller.kinds()
    (tmp_path / "own.yaml").write_text("model:\n  server: bing\n")
    with pytest.raises(StartFault, match=r"broker cannot start: .*own\.yaml:2: server in model must be one of"):
        async with Ring(settings(str(tmp_path))):
            pass


async def test_a_folder_that_is_not_there_keeps_vad_from_starting() -> None:
    """The last words of the process say which variable it is, without a traceback."""
    with pytest.raises(StartFault) as fault:
        async with Ring(settings("no/such/folder")):
            pass
    assert "vad cannot start: PARLEY_AGENTS='no/such/folder' must be a folder" in str(fault.value)
    assert "Traceback" not in str(fault.value)
