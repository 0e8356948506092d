"""The device beyond the scenes: its button, the demonstration conversation, other encodings, company, TLS."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import soxr
import trustme

from clients.desktop.sound import pcm_of, samples_of
from local.ring import Ring, RingSettings
from tests.e2e.scene import Lines, Scene
from tests.e2e.test_conversation import QUESTION
from tests.esp32.conftest import PROMPT
from tests.esp32.door import door, takes_the_call
from tests.esp32.process import DeviceProcess, run, write_wav
from tests.fakes import speech
from tests.fakes.realtime import Reply

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


def spoken(text: str) -> bytes:
    """Return words after a moment of quiet."""
    return speech.join(speech.silence(300), speech.say(text))


def answered(scene: Scene, reply: Reply) -> None:
    """Have the conversations that are opened from now on answered like this."""
    scene.script.upcoming = Lines([reply], ["hello"])


async def test_the_demonstration_conversation() -> None:
    """With the ring's own engine: an answer, a story cut off by "stop", another that survives "mm-hmm", a goodbye."""
    async with Ring(RingSettings(engine=True, env=PROMPT)) as ring, DeviceProcess(ring.websocket) as device:
        await device.sees("opened", timeout_s=60)
        device.says(spoken("What time is it?"))
        first = await device.sees("reply_played", timeout_s=60)
        seen = len(device.happenings)
        device.says(spoken("Tell me a story."))
        story = await device.sees("reply_started", after=seen, timeout_s=60)
        await asyncio.sleep(2)
        device.says(spoken("Stop!"))
        silenced = await device.sees("silenced", after=seen, timeout_s=60)
        assert silenced["reply"] == story["reply"] > first["reply"]
        await asyncio.sleep(2)
        seen = len(device.happenings)
        device.says(spoken("Tell me a story."))
        again = await device.sees("reply_started", after=seen, timeout_s=60)
        await asyncio.sleep(1)
        device.says(speech.join(speech.silence(100), speech.hum()))
        await asyncio.sleep(2.5)
        assert device.of("silenced", reply=again["reply"]) == [], "it goes on through it"
        device.tell("interrupt")
        await device.sees("silenced", after=seen)
        device.says(spoken("Goodbye."))
        closed = await device.sees("closed", timeout_s=60)
        assert closed["value"] == 3, "CODE_GOODBYE"


async def test_the_button(scene: Scene) -> None:
    """A press begins, another ends; holding it is push-to-talk, and letting go of it ends the turn."""
    answered(scene, Reply(seconds=1))
    async with DeviceProcess(scene.ring.websocket, "--idle") as device:
        device.tell("press")
        await device.sees("opened")
        await asyncio.sleep(0.5)
        device.tell("down")
        await asyncio.sleep(0.6)
        device.says(spoken(QUESTION))
        await asyncio.sleep(0.3 + speech.duration_ms(speech.say(QUESTION)) / 1000)
        assert device.of("reply_started") == [], "the turn is not over while it is held"
        device.tell("up")
        await device.sees("reply_played", timeout_s=60)
        device.tell("press")
        assert (await device.sees("closed"))["value"] == 1, "CODE_CLIENT"
        await device.sees("state", state="idle")
    lights = [got["words"] for got in device.of("light")]
    assert lights[0] == "off"
    assert {"connecting", "ready", "speaking"} <= set(lights)
    assert lights[-1] == "off"


async def test_mulaw_both_ways(scene: Scene) -> None:
    """At 8 kHz, a byte a sample: understood, answered, and heard to the end by the device's own count."""
    answered(scene, Reply(seconds=2))
    words = soxr.resample(samples_of(spoken(QUESTION)), 16_000, 8_000)
    async with DeviceProcess(scene.ring.websocket, "--encoding", "mulaw", mic_hz=8_000) as device:
        await device.sees("opened")
        device.says(pcm_of(words))
        played = await device.sees("reply_played", timeout_s=60)
        assert abs(played["position"] - 2 * 8_000) <= 160
    assert device.summary["unreadable"] == 0


async def test_many_devices_in_one_process(scene: Scene, tmp_path: Path) -> None:
    """Six ask at the same time, and each hears its answer."""
    answered(scene, Reply(seconds=1))
    write_wav(tmp_path / "question.wav", spoken(QUESTION), 16_000)
    options = ("--devices", "6", "--say", str(tmp_path / "question.wav"), "--quiet", "--wait-s", "60")
    code, complaint, lines = await run("--server", scene.ring.websocket, *options, timeout_s=150)
    assert code == 0, (complaint, lines)
    assert '"opened":6' in lines[-1]
    assert '"replies":6' in lines[-1]


async def test_tls(tmp_path: Path) -> None:
    """Over wss:// it calls who shows a certificate that it trusts, and nobody else."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    async with door(takes_the_call, context) as url:
        async with DeviceProcess(url) as stranger:
            why = (await stranger.sees("link"))["words"]
        if "without TLS" in why:
            pytest.skip(why)
        assert "its certificate is not trusted" in why
        async with DeviceProcess(url, "--ca", str(tmp_path / "ca.pem")) as device:
            await device.sees("opened")
