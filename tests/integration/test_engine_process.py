"""The engine as a process with other parts than its own: servers, and libraries in processes of their own."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI

from services.engine.listening.whisper import Whisper, WhisperSettings
from services.engine.parts import PartError
from services.engine.speech import RATE_HZ
from services.engine.voices.piper import PiperSettings, PiperVoice
from tests.fakes.openai_http.script import Call, Script
from tests.fakes.openai_http.server import FakeOpenAI

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ROOT / "tests" / "fakes" / "libraries"
COMMAND = [sys.executable, "-m", "services.engine"]


def tone(seconds: float) -> bytes:
    """A tone: PCM16LE mono at 24 kHz."""
    return bytes((8000 * np.sin(np.arange(int(seconds * RATE_HZ)) * 0.1)).astype("<i2").tobytes())


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the stand-ins for faster-whisper and piper-tts where this process and its workers find them."""
    monkeypatch.syspath_prepend(str(LIBRARIES))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(LIBRARIES), os.environ.get("PYTHONPATH", ""))))


def ended(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """An engine that ends by itself."""
    environment = {**os.environ, "PARLEY_ENGINE_PORT": "0", **settings}
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@asynccontextmanager
async def talking(**settings: str) -> AsyncIterator[Any]:
    """A connection of the official client to an engine."""
    async with (
        engine(**settings) as url,
        AsyncOpenAI(api_key="k", base_url=url) as client,
        client.realtime.connect(model="any") as connection,
    ):
        yield connection


@asynccontextmanager
async def engine(**settings: str) -> AsyncIterator[str]:
    """A running engine; gives its base URL for the official client."""
    environment = {**os.environ, "PARLEY_ENGINE_PORT": "0", "PARLEY_ENGINE_DECODERS": "1", **settings}
    process = await asyncio.create_subprocess_exec(*COMMAND, cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    try:
        said = []
        while line := (await process.stderr.readline()).decode():
            said.append(line)
            if match := re.search(r"engine listening on ws://(\S+)/realtime", line):
                yield f"http://{match[1]}"
                break
        else:
            raise AssertionError("".join(said))
    finally:
        process.terminate()
        await process.communicate()


async def until(connection: Any, kind: str) -> list[Any]:
    """The events up to the next one of a type."""
    events: list[Any] = []
    async with asyncio.timeout(30):
        while not events or events[-1].type != kind:
            events.append(await connection.recv())
            assert events[-1].type != "error", events[-1]
    return events


async def test_a_conversation_on_servers_alone() -> None:
    """The official client speaks; a server hears, another thinks and calls a tool, a third one speaks the result."""
    async with FakeOpenAI(key="k") as chat, FakeOpenAI() as ears, FakeOpenAI() as voice:
        ears.answer(Script(texts=("What is the weather in Rome?",)))
        chat.answer(
            Script(texts=("Let me look.",), calls=(Call("call_1", "weather", '{"city": "Rome"}'),)),
            Script(texts=("It is **sunny**.", " Enjoy!")),
        )
        voice.answer(Script(pcm=tone(0.5)))
        settings = {
            "PARLEY_ENGINE_LLM": "openai",
            "PARLEY_ENGINE_LLM_URL": chat.url,
            "PARLEY_ENGINE_LLM_MODEL": "tiny",
            "PARLEY_ENGINE_LLM_KEY": "k",
            "PARLEY_ENGINE_STT": "openai",
            "PARLEY_ENGINE_STT_URL": ears.url,
            "PARLEY_ENGINE_TTS": "openai",
            "PARLEY_ENGINE_TTS_URL": voice.url,
            "PARLEY_ENGINE_TTS_VOICE": "af_heart",
        }
        async with talking(**settings) as connection:
            tool = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
            manual: Any = {"type": "realtime", "tools": [tool], "audio": {"input": {"turn_detection": None}}}
            await connection.session.update(session=manual)
            await connection.input_audio_buffer.append(audio=base64.b64encode(tone(0.5)).decode())
            await connection.input_audio_buffer.commit()
            await connection.response.create()
            done = (await until(connection, "response.done"))[-1].response
            assert done.status == "completed", done.status_details
            message, call = done.output
            assert message.content[0].transcript == "Let me look."
            assert (call.name, call.arguments) == ("weather", '{"city": "Rome"}')
            result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
            await connection.conversation.item.create(item=result)
            await connection.response.create()
            events = await until(connection, "response.done")
            assert events[-1].response.output[0].content[0].transcript == "It is sunny. Enjoy!"
            sound = [event.delta for event in events if event.type == "response.output_audio.delta"]
            assert len(b"".join(map(base64.b64decode, sound))) == 2 * len(tone(0.5))
        roles = [message["role"] for message in chat.requests[1]["messages"]]
        assert roles == ["system", "user", "assistant", "assistant", "tool"]
        assert chat.requests[0]["messages"][1]["content"] == "What is the weather in Rome?"
        assert chat.problems == ears.problems == voice.problems == []


async def test_a_part_that_fails_fails_the_response() -> None:
    """The session goes on: the response says what is wrong with the server, and the next one works."""
    async with FakeOpenAI() as chat:
        chat.answer(Script(status=404, message="model 'tiny' not found"), Script(texts=("Here I am.",)))
        settings = {"PARLEY_ENGINE_LLM": "openai", "PARLEY_ENGINE_LLM_URL": chat.url, "PARLEY_ENGINE_LLM_MODEL": "tiny"}
        async with talking(**settings) as connection:
            await connection.response.create()
            failed = (await until(connection, "response.done"))[-1].response
            assert failed.status == "failed"
            assert failed.status_details.error.code == "model_not_found"
            await connection.response.create()
            done = (await until(connection, "response.done"))[-1].response
            assert done.output[0].content[0].transcript == "Here I am."


@pytest.mark.usefixtures("libraries")
async def test_whisper_hears_turns() -> None:
    """Turns are transcribed at 16 kHz with their language and prompt; one that kills the model's process is told."""
    async with Whisper(WhisperSettings("base", language="en")) as whisper:
        hearing = whisper.listen(prompt="Parley")
        hearing.feed(tone(0.5))
        hearing.feed(tone(0.5))
        assert await hearing.text() == "1 s of en, with Parley."
        for seconds in (2.0, 3.0):
            broken = whisper.listen()
            broken.feed(tone(seconds))
            with pytest.raises(PartError) as failed:
                await broken.text()
            assert failed.value.code == "failed"
        again = whisper.listen(language="de")
        again.feed(tone(1.0))
        assert await again.text() == "1 s of de, with None."
        forgotten = whisper.listen()
        forgotten.feed(tone(1.0))
        forgotten.forget()


@pytest.mark.usefixtures("libraries")
async def test_piper_speaks(tmp_path: Path) -> None:
    """Its audio comes at 24 kHz with all words, faster when asked; what it can't say is an error, and it goes on."""
    model = tmp_path / "voice.onnx"
    model.write_text("a voice")
    (tmp_path / "voice.onnx.json").write_text("{}")
    text = " Hello there, you two."
    async with PiperVoice(PiperSettings(str(model))) as voice:
        for speed in (1.0, 2.0):
            (utterance,) = [utterance async for utterance in voice.speak(text, "marin", speed)]
            assert "".join(word.text for word in utterance.words) == text
            assert utterance.samples == pytest.approx(len(text.strip()) * 0.02 * RATE_HZ / speed, abs=60)
            assert utterance.estimated
        with pytest.raises(PartError) as failed:
            await anext(voice.speak("unspeakable", "marin", 1.0))
        assert "no phonemes" in failed.value.message


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"PARLEY_ENGINE_STT": "whisper", "PARLEY_ENGINE_STT_MODEL": "missing"}, "PARLEY_ENGINE_STT_MODEL"),
        ({"PARLEY_ENGINE_TTS": "piper", "PARLEY_ENGINE_TTS_MODEL": "/nowhere.onnx"}, "piper.download_voices"),
        ({"PARLEY_ENGINE_LLM": "openai"}, "PARLEY_ENGINE_LLM_MODEL"),
    ],
)
def test_a_part_that_cannot_be_had_is_named(settings: dict[str, str], words: str) -> None:
    """The engine ends at once with status 2 and says what to set; no traceback."""
    stopped = ended(**settings)
    assert stopped.returncode == 2
    assert words in stopped.stderr
    assert "Traceback" not in stopped.stderr


@pytest.mark.skipif(bool(find_spec("faster_whisper") or find_spec("piper")), reason="the extras are installed")
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"PARLEY_ENGINE_STT": "whisper"}, "pip install 'parley[whisper]'"),
        ({"PARLEY_ENGINE_TTS": "piper", "PARLEY_ENGINE_TTS_MODEL": "a.onnx"}, "pip install 'parley[piper]'"),
    ],
)
def test_a_library_that_is_missing_is_named(settings: dict[str, str], words: str) -> None:
    """Without the extra the engine says how to get it."""
    stopped = ended(**settings)
    assert stopped.returncode == 2
    assert words in stopped.stderr


def test_help_teaches() -> None:
    """`--help` names every part and how it is set; what is no argument is told."""
    shown = ended("--help")
    assert shown.returncode == 0
    for name in ("PARLEY_ENGINE_STT", "PARLEY_ENGINE_LLM", "PARLEY_ENGINE_TTS", "PARLEY_ENGINE_KEY", "Ollama"):
        assert name in shown.stdout
    assert ended("--nonsense").returncode == 2
