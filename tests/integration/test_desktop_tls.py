"""A whole conversation over TLS: the desktop client through both doors, and certificates on both sides of every hop."""

from __future__ import annotations

import asyncio
import os
import sys
import wave
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from clients.desktop import events
from clients.desktop.conversation import Conversation
from clients.desktop.transport import connect
from clients.desktop.trust import Trust
from local.child import ROOT
from tests.e2e.person import Person
from tests.e2e.scene import Scene
from tests.e2e.scene import scene as open_scene
from tests.fakes import speech
from tests.fakes.certificates import Authority
from tests.fakes.realtime import Reply

STAGES = ("ingress", "vad", "broker", "egress")

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs everything here."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(authority: Authority) -> AsyncIterator[Scene]:
    """One ring for all, encrypted throughout."""
    # A machine that is busy with other tests is late, and holds a conversation all the same.
    env = {stage: authority.ring(stage) | {"PARLEY_MAX_LATE_MS": "0"} for stage in STAGES}
    env["ingress"] |= authority.doors("127.0.0.1", "localhost")
    async with open_scene(env=env) as opened:
        yield opened


class Trusting(Person):
    """A person whose client calls over TLS, and knows who may sign."""

    def __init__(self, ca: Path, server: str, latency_ms: float = 0) -> None:
        server = server.replace("ws://", "wss://") if server.startswith("ws") else f"grpcs://{server}"
        super().__init__(server, latency_ms)
        self._conversation = Conversation(server, self.device, dial=partial(connect, trust=Trust.of(ca)))


@pytest.mark.parametrize("door", ["grpc", "websocket"])
async def test_a_conversation_is_held_over_tls_from_end_to_end(scene: Scene, authority: Authority, door: str) -> None:
    """A question, and an answer that is heard whole, by each door."""
    who = partial(Trusting, authority.ca_file)
    async with scene.person([Reply(seconds=1.0)], who=who, door=door) as actor:
        actor.person.says(speech.say("What time is it?"))
        await actor.person.until(lambda: next(iter(actor.person.of(events.ReplyPlayed)), None), 60)
        await asyncio.sleep(0.3)
        actor.assert_whole(actor.responses[0])


async def client(*arguments: str) -> tuple[int | None, str]:
    """Run the client as a person does; return its exit code and its last words."""
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "protos" / "gen"))),
        "GRPC_VERBOSITY": "NONE",
    }
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "clients.desktop", "--say", *arguments, env=env, stdout=-1, stderr=-1
    )
    _, said = await run.communicate()
    return run.returncode, said.decode().strip()


async def test_a_client_that_does_not_trust_says_why_and_what_to_do(
    scene: Scene, authority: Authority, tmp_path: Path
) -> None:
    """Exit code 2, one line; nothing is said to a server that may be anybody."""
    wav = tmp_path / "hello.wav"
    with wave.open(str(wav), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(6_400))
    grpcs, wss = f"grpcs://{scene.ring.ingress}", scene.ring.websocket.replace("ws://", "wss://")
    cases: list[tuple[str, tuple[str, ...], str]] = [
        (grpcs, (), "name who signed it with --ca"),
        (wss, (), "name who signed it with --ca"),
        (grpcs, ("--ca", str(Authority(tmp_path).ca_file)), "name who signed it with --ca"),
        (scene.ring.ingress, (), "Cannot reach Parley"),
    ]
    for server, ca, words in cases:
        code, said = await client(str(wav), "--server", server, *ca)
        assert (code, words in said) == (2, True), said
    code, said = await client(str(wav), "--server", grpcs, "--ca", str(tmp_path / "none.pem"))
    assert (code, said) == (1, f"Cannot read {tmp_path / 'none.pem'} (No such file or directory): check --ca.")
    code, said = await client(str(wav), "--server", grpcs, "--ca", str(wav))
    assert (code, said.endswith("holds no certificate in PEM form: check --ca.")) == (1, True), said
