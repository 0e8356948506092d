"""The engine's parts over real HTTP: what they ask for, what they make of the answers, and of every kind of failure."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI

from services.engine.delivery import Piece
from services.engine.listening.transcription_server import TranscriptionServer
from services.engine.minds.chat import ChatMind
from services.engine.parts import Context, Line, PartError, Parts, TextDelta, ThoughtUsage, ToolCall
from services.engine.pipeline import Manner, replying
from services.engine.remote import Remote, RemoteSettings
from services.engine.speech import RATE_HZ
from services.engine.voices.speech_server import SpeechServerVoice, SpeechSettings
from tests.fakes.openai_http.script import Call, Fault, Script
from tests.fakes.openai_http.server import FakeOpenAI

NOW = datetime(2026, 11, 21, 15, 4)
WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "weather",
    "description": "Tells the weather",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
}
USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 5,
    "total_tokens": 25,
    "prompt_tokens_details": {"cached_tokens": 12},
}


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as running:
        yield running
        assert running.problems == []


@asynccontextmanager
async def remote(server: FakeOpenAI, patience_s: float = 10.0, **changes: str) -> AsyncIterator[Remote]:
    """The fake as a part's server."""
    settings = {"url": server.url, "model": "tiny", **changes}
    async with Remote("the server", "PARLEY_ENGINE_X", RemoteSettings(**settings, patience_s=patience_s)) as opened:
        yield opened


def context(*lines: Line, **fields: Any) -> Context:
    """A conversation."""
    return Context(lines or (Line("user", "Hello."),), NOW, **fields)


async def thoughts(mind: ChatMind, asked: Context, found: list[Any] | None = None) -> list[Any]:
    """All that a mind thinks; it is put into `found` as it comes."""
    found = [] if found is None else found
    async with aclosing(mind.think(asked)) as stream:
        async for thought in stream:
            found.append(thought)
    return found


def tone(seconds: float, rate_hz: int = RATE_HZ) -> bytes:
    """A tone, loud enough to be speech: PCM16LE mono."""
    return bytes((8000 * np.sin(np.arange(int(seconds * rate_hz)) * 0.1)).astype("<i2").tobytes())


async def test_the_fake_serves_the_official_client() -> None:
    """The official client streams a chat, a transcription and speech from it: so it is a fair stand-in."""
    async with FakeOpenAI(key="k") as server, AsyncOpenAI(api_key="k", base_url=server.url) as client:
        server.answer(Script(usage=USAGE, calls=(Call("call_1", "weather", '{"place": "Berlin"}'),)))
        ask: Any = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "stream": True}
        chunks = [chunk async for chunk in await client.chat.completions.create(**ask)]
        said = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "".join(said) == "Hello there. How are you?"
        assert chunks[-1].usage is not None
        file = io.BytesIO()
        with wave.open(file, "wb") as sound:
            sound.setparams((1, 2, 16_000, 0, "NONE", ""))
            sound.writeframes(tone(0.2, 16_000))
        heard = await client.audio.transcriptions.create(model="tiny", file=("a.wav", file.getvalue()))
        assert heard.text == "Hello there. How are you?"
        server.answer(Script(pcm=tone(0.5)))
        spoken = await client.audio.speech.create(model="tiny", voice="marin", input="Hi.", response_format="pcm")
        assert spoken.content == tone(0.5)
        assert server.problems == []


async def test_a_thought_streams(server: FakeOpenAI) -> None:
    """Text comes as it is written, then the parallel calls whole, then the usage; the request says all it must."""
    calls = (Call("call_1", "weather", '{"place": "Berlin"}'), Call("call_2", "weather", '{"place": "Rome"}'))
    server.answer(Script(texts=("<think>hm", "m</think>\n\n", "Let me ", "look."), calls=calls, usage=USAGE))
    asked = context(instructions="Be kind.", tools=[WEATHER], tool_choice="required", max_output_tokens=50)
    async with remote(server) as opened:
        found = await thoughts(ChatMind(opened, "Speak.", {"temperature": 0.5}), asked)
    assert found == [
        TextDelta("Let me "),
        TextDelta("look."),
        ToolCall("call_1", "weather", '{"place": "Berlin"}'),
        ToolCall("call_2", "weather", '{"place": "Rome"}'),
        ThoughtUsage(20, 12, 5),
    ]
    (request,) = server.requests
    assert request["messages"][0] == {"role": "system", "content": "Speak.\n\nBe kind."}
    assert request["tools"][0]["function"]["name"] == "weather"
    assert (request["tool_choice"], request["max_tokens"], request["temperature"]) == ("required", 50, 0.5)
    assert request["stream_options"] == {"include_usage": True}


async def test_a_server_that_does_not_stream_is_understood(server: FakeOpenAI) -> None:
    """Some servers ignore `stream`: their whole answer will do."""
    server.answer(Script(streams=False, usage=USAGE))
    async with remote(server) as opened:
        found = await thoughts(ChatMind(opened), context())
    assert found == [TextDelta("Hello there. How are you?"), ThoughtUsage(20, 12, 5)]


REFUSALS = [
    (401, "Incorrect API key", "unauthorized", "PARLEY_ENGINE_X_KEY"),
    (404, "model not found", "model_not_found", "ollama pull tiny"),
    (429, "slow down", "rate_limit_exceeded", "try again in 7 s"),
    (400, "no such field", "refused", "no such field"),
    (500, "out of memory", "server_error", "out of memory"),
    (307, "", "bad_answer", "PARLEY_ENGINE_X_URL"),
]
FAULTS: list[tuple[Fault, str]] = [
    ("silent", "too_slow"),
    ("pings", "too_slow"),
    ("stalls", "too_slow"),
    ("truncated", "incomplete"),
    ("disconnects", "incomplete"),
    ("hangs_up", "incomplete"),
    ("garbage", "bad_answer"),
    ("endless", "bad_answer"),
    ("error_in_stream", "server_error"),
]


@pytest.mark.parametrize(("status", "message", "code", "words"), REFUSALS)
async def test_a_refusal_says_what_to_do(server: FakeOpenAI, status: int, message: str, code: str, words: str) -> None:
    """Each status becomes one error with a code for programs and words for people; all three parts alike."""
    server.answer(Script(status=status, message=message, headers={"Retry-After": "7"}))
    async with remote(server) as opened:
        hearing = TranscriptionServer(opened).listen()
        hearing.feed(tone(0.2))
        voice = SpeechServerVoice(opened, SpeechSettings())
        for work in (thoughts(ChatMind(opened), context()), hearing.text(), anext(voice.speak("Hi.", "marin", 1.0))):
            with pytest.raises(PartError) as failed:
                await work
            assert failed.value.code == code
            assert words in failed.value.message


@pytest.mark.parametrize(("fault", "code"), FAULTS)
async def test_a_broken_thought_is_an_error(server: FakeOpenAI, fault: Fault, code: str) -> None:
    """Whatever a server does, a thought ends, with an error that says why; what was said before it has come."""
    server.answer(Script(fault=fault))
    async with remote(server, patience_s=0.3) as opened:
        found: list[Any] = []
        with pytest.raises(PartError) as failed:
            await thoughts(ChatMind(opened), context(), found)
    assert failed.value.code == code
    if fault in ("stalls", "truncated", "error_in_stream"):
        assert found == [TextDelta("Hello there.")]


async def test_a_server_that_is_not_there() -> None:
    """Nobody listens: said at once, with the variable to set; the look at the start says so, too."""
    settings = RemoteSettings("http://127.0.0.1:9/v1", "tiny")
    async with Remote("the language model", "PARLEY_ENGINE_LLM", settings) as opened:
        with pytest.raises(PartError) as failed:
            await thoughts(ChatMind(opened), context())
        assert failed.value.code == "unreachable"
        assert "PARLEY_ENGINE_LLM_URL" in failed.value.message
        assert await opened.probe() == failed.value.message


async def test_the_look_at_the_start(server: FakeOpenAI) -> None:
    """A model that the server does not list is told of; one that it does list is not, with or without its tag."""
    async with remote(server) as opened, remote(server, model="big") as other:
        assert await opened.probe() is None
        assert "ollama pull big" in (await other.probe() or "")
    async with FakeOpenAI(models=["tiny:latest"]) as tagged, remote(tagged) as opened:
        assert await opened.probe() is None


async def test_closing_a_thought_closes_its_request(server: FakeOpenAI) -> None:
    """An interrupted thought costs nothing more: the server sees the connection go."""
    server.answer(Script(fault="stalls"))
    async with remote(server) as opened:
        async with aclosing(ChatMind(opened).think(context())) as stream:
            assert await anext(stream) == TextDelta("Hello there.")
        await asyncio.wait_for(server.gone.wait(), 5)


async def test_a_connection_is_kept_and_one_that_broke_is_replaced(server: FakeOpenAI) -> None:
    """Turns share a connection; one that was closed at the other end is asked again, unheard, once."""
    async with remote(server) as opened:
        mind = ChatMind(opened)
        for _ in range(3):
            await thoughts(mind, context())
        assert server.connections == 1
        server.answer(Script(fault="hangs_up"), Script())
        assert (await thoughts(mind, context()))[0] == TextDelta("Hello there.")


async def test_a_turn_is_transcribed(server: FakeOpenAI) -> None:
    """Its audio goes as WAV at 16 kHz, with language and prompt, and its words come back."""
    async with remote(server) as opened:
        hearing = TranscriptionServer(opened, language="en").listen(prompt="Parley")
        hearing.feed(tone(0.5))
        hearing.feed(tone(0.5))
        assert await hearing.text() == "Hello there. How are you?"
    (request,) = server.requests
    assert (request["language"], request["prompt"], request["model"]) == ("en", "Parley", "tiny")
    with wave.open(io.BytesIO(request["file"])) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getnframes()) == (16_000, 1, 16_000)


async def test_a_transcription_streams(server: FakeOpenAI) -> None:
    """Where the server streams, its words are told as they come, and the last word is its own."""
    told: list[str] = []
    async with remote(server) as opened:
        hearing = TranscriptionServer(opened, stream=True).listen(on_words=told.append)
        hearing.feed(tone(0.3))
        assert await hearing.text() == "Hello there. How are you?"
    assert told == ["Hello there.", " How are you?"]


@pytest.mark.parametrize("fault", ["silent", "truncated", "garbage", "disconnects", "error_in_stream"])
async def test_a_broken_transcription_is_an_error(server: FakeOpenAI, fault: Fault) -> None:
    """It never hangs, and never passes off half of what was said for all of it."""
    server.answer(Script(texts=("one", " two", " three"), fault=fault))
    async with remote(server, patience_s=0.3) as opened:
        hearing = TranscriptionServer(opened, stream=True).listen()
        hearing.feed(tone(0.3))
        with pytest.raises(PartError):
            await hearing.text()


async def test_a_forgotten_turn_is_not_waited_for(server: FakeOpenAI) -> None:
    """Forgetting ends the request, too."""
    server.answer(Script(fault="silent"))
    async with remote(server) as opened:
        hearing = TranscriptionServer(opened).listen()
        hearing.feed(tone(0.3))
        waiting = asyncio.create_task(hearing.text())
        await server.asked.wait()
        hearing.forget()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        await asyncio.wait_for(server.gone.wait(), 5)


def stereo_wav(seconds: float, rate_hz: int) -> bytes:
    """A WAV file with the tone on both sides."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((2, 2, rate_hz, 0, "NONE", ""))
        sound.writeframes(np.repeat(np.frombuffer(tone(seconds, rate_hz), "<i2"), 2).tobytes())
    return file.getvalue()


@pytest.mark.parametrize(
    ("form", "sound", "rate_hz"),
    [("pcm", tone(3.0), 24_000), ("pcm", tone(3.0, 16_000), 16_000), ("wav", stereo_wav(3.0, 22_050), 24_000)],
)
async def test_speech_streams_with_its_words(server: FakeOpenAI, form: str, sound: bytes, rate_hz: int) -> None:
    """Any rate becomes 24 kHz; the words join to the text, in order, each within the audio it is given with."""
    server.answer(Script(pcm=sound))
    text = " One two, three four five six seven."
    async with remote(server) as opened:
        voice = SpeechServerVoice(opened, SpeechSettings(voice="heart", form=form, rate_hz=rate_hz))
        utterances = [utterance async for utterance in voice.speak(text, "marin", 1.0)]
    assert "".join(word.text for utterance in utterances for word in utterance.words) == text
    assert all(0 <= word.start_samples <= utterance.samples for utterance in utterances for word in utterance.words)
    assert all(utterance.estimated for utterance in utterances)
    assert abs(sum(utterance.samples for utterance in utterances) - 3 * RATE_HZ) < RATE_HZ // 100
    assert len(utterances) > 3
    (request,) = server.requests
    assert (request["voice"], request["response_format"], request["input"]) == ("heart", form, text.strip())


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (Script(pcm=b"ID3" + bytes(5000)), "bad_answer"),
        (Script(pcm=tone(1), kind="audio/mpeg"), "bad_answer"),
        (Script(pcm=b"{}", kind="application/json"), "bad_answer"),
        (Script(pcm=tone(1), fault="disconnects"), "incomplete"),
        (Script(pcm=tone(1), fault="stalls"), "too_slow"),
        (Script(pcm=b""), "incomplete"),
    ],
)
async def test_broken_speech_is_an_error(server: FakeOpenAI, script: Script, code: str) -> None:
    """What is no audio is not played; an end that comes too early is told."""
    server.answer(script)
    async with remote(server, patience_s=0.3) as opened:
        with pytest.raises(PartError) as failed:
            async for _ in SpeechServerVoice(opened, SpeechSettings()).speak("Hello there.", "marin", 1.0):
                pass
    assert failed.value.code == code


async def test_a_whole_reply_by_servers_alone() -> None:
    """Thought and speech overlap: the first sentence is delivered while the model still writes the second."""
    async with FakeOpenAI() as chat, FakeOpenAI() as speech:
        chat.answer(Script(texts=("**One** two. ", "Three", " four."), hold_after=2))
        speech.answer(Script(pcm=tone(0.6)))
        async with remote(chat) as mind, remote(speech) as voice:
            nobody = TranscriptionServer(mind)
            parts = Parts(nobody, ChatMind(mind), SpeechServerVoice(voice, SpeechSettings()), lambda _: True)
            pieces = []
            async with asyncio.timeout(20), replying(parts, context(), Manner("audio", "marin", 1.0, 1000.0)) as reply:
                async for piece in reply:
                    chat.release.set()  # only now does the model go on
                    assert isinstance(piece, Piece)
                    pieces.append(piece)
        assert "".join(piece.word for piece in pieces) == "One two. Three four."
        assert sum(piece.seconds for piece in pieces) == pytest.approx(1.2, abs=0.01)
        assert [request["input"] for request in speech.requests] == ["One two.", "Three four."]
        assert chat.problems == speech.problems == []
