"""The engine as a process, driven by the official SDK; every event it sends is held to the SDK's types."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
import websockets
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import Field, TypeAdapter

from services.engine.voices.espeak import EspeakVoice
from tests.fakes.realtime.wire import server_faults

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for its processes in /proc")

ROOT = Path(__file__).resolve().parents[2]
OFFICIAL: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeServerEvent, Field(discriminator="type")])
PCM = {"type": "audio/pcm", "rate": 24000}
MANUAL: Any = {
    "type": "realtime",
    "audio": {
        "input": {"format": PCM, "turn_detection": None, "transcription": {"model": "gpt-live-transcribe"}},
        "output": {"format": PCM, "voice": "marin"},
    },
}


def children(pid: int) -> list[int]:
    """The child processes of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def survivors(pids: list[int], patience_s: float) -> list[int]:
    """Which of the processes still run when patience ends."""
    until_s = time.monotonic() + patience_s
    while (alive := [pid for pid in pids if is_running(pid)]) and time.monotonic() < until_s:
        time.sleep(0.05)
    return alive


def is_running(pid: int) -> bool:
    """Whether a process exists and is not merely waiting to be reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


class Engine:
    """A running engine process."""

    def __init__(self, **settings: str) -> None:
        environment = {**os.environ, "PARLEY_ENGINE_PORT": "0", "PARLEY_ENGINE_DECODERS": "1", **settings}
        command = [sys.executable, "-m", "services.engine"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        self.url = self._wait_for_address()
        self.workers = children(self.process.pid)

    def _wait_for_address(self) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if match := re.search(r"engine listening on (ws://\S+)", line):
                return match[1]
        raise AssertionError(f"the engine ended with status {self.process.wait()}")

    @property
    def base_url(self) -> str:
        return self.url.replace("ws://", "http://").removesuffix("/realtime")

    def stop(self, number: int) -> int:
        """Send a signal and wait; gives the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(10)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    running = Engine()
    yield running
    running.stop(signal.SIGTERM)


def official(message: str | bytes) -> Any:
    """An event as the SDK reads it; it must have all it should, and nothing else."""
    assert server_faults(json.loads(message)) == [], message
    return OFFICIAL.validate_json(message)


class Client:
    """The official client's connection; checks and keeps every event."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.events: list[Any] = []

    async def until(self, kind: str) -> Any:
        """Receive up to the next event of a type."""
        while True:
            event = official(await self.connection.recv_bytes())
            self.events.append(event)
            if event.type == kind:
                return event

    async def ask(self, text: str) -> None:
        """Add a typed user turn and ask for a response."""
        content: Any = [{"type": "input_text", "text": text}]
        item: Any = {"type": "message", "role": "user", "content": content}
        await self.connection.conversation.item.create(item=item)
        await self.connection.response.create()

    async def speak(self, pcm: bytes, pace: float = 0.0) -> None:
        """Append audio, 100 ms at a time, `pace` times as slowly as it is spoken."""
        for begin in range(0, len(pcm), 4800):
            audio = base64.b64encode(pcm[begin : begin + 4800]).decode()
            await self.connection.input_audio_buffer.append(audio=audio)
            await asyncio.sleep(0.1 * pace)

    async def error(self, code: str) -> Any:
        event = await self.until("error")
        assert event.error.code == code
        return event.error


@asynccontextmanager
async def client(engine: Engine, key: str = "k", turn_detection: Any = None) -> AsyncIterator[Client]:
    """Connect as the SDK does and configure turns: manual ones, unless told."""
    session = copy.deepcopy(MANUAL)
    session["audio"]["input"]["turn_detection"] = turn_detection
    async with (
        AsyncOpenAI(api_key=key, base_url=engine.base_url) as openai,
        openai.realtime.connect(model="parley-embedded") as connection,
    ):
        talker = Client(connection)
        await talker.until("session.created")
        await connection.session.update(session=session)
        await talker.until("session.updated")
        yield talker


async def test_typed_turn_is_answered_in_audio(engine: Engine) -> None:
    """A reply's transcript arrives word by word, each word where its audio begins."""
    async with client(engine) as talker:
        await talker.ask("what is two plus three")
        done = await talker.until("response.done")
        assert done.response.status == "completed"
        assert done.response.output[0].content[0].transcript == "2 plus 3 is 5."
        words, samples = [], 0
        for event in talker.events:
            if event.type == "response.output_audio_transcript.delta":
                words.append((event.delta, samples))
            elif event.type == "response.output_audio.delta":
                samples += len(base64.b64decode(event.delta)) // 2
        async with EspeakVoice() as speech:
            expected = await speech.say("2 plus 3 is 5.", "marin")
        assert words == [(word.text, word.start_samples) for word in expected.words]
        assert samples == expected.samples


async def test_spoken_turn_is_understood_and_answered(engine: Engine) -> None:
    """Audio in manual mode: commit gives an item, a transcript, and with a response an answer."""
    async with EspeakVoice() as speech, client(engine) as talker:
        question = await speech.say("what time is it", "en-us")
        pcm = bytes(9600) + question.pcm + bytes(9600)
        for begin in range(0, len(pcm), 4800):
            await talker.connection.input_audio_buffer.append(
                audio=base64.b64encode(pcm[begin : begin + 4800]).decode()
            )
        await talker.connection.input_audio_buffer.commit()
        await talker.connection.response.create()
        done = await talker.until("response.done")
        assert done.response.output[0].content[0].transcript.startswith("It is ")
        (heard,) = [
            event for event in talker.events if event.type == "conversation.item.input_audio_transcription.completed"
        ]
        assert heard.transcript == "what time is it"


async def test_the_ear_takes_and_gives_the_floor(engine: Engine) -> None:
    """With server_vad a spoken turn is found, committed and answered unasked; speaking over the answer cancels it."""
    async with EspeakVoice() as speech, client(engine, turn_detection={"type": "server_vad"}) as talker:
        story = await speech.say("tell me a story", "en-us")
        stop = await speech.say("stop", "en-us")
        await talker.speak(bytes(24_000) + story.pcm + bytes(48_000))
        await talker.until("response.output_audio.delta")
        await talker.speak(stop.pcm + bytes(9_600))
        done = await talker.until("response.done")
        assert (done.response.status, done.response.status_details.reason) == ("cancelled", "turn_detected")
        await talker.speak(bytes(48_000))
        done = await talker.until("response.done")
        assert done.response.output[0].content[0].transcript == "All right."
        turns = [event for event in talker.events if event.type == "input_audio_buffer.committed"]
        started = [event for event in talker.events if event.type == "input_audio_buffer.speech_started"]
        assert [event.item_id for event in turns] == [event.item_id for event in started]
        assert abs(started[0].audio_start_ms - 200) <= 100


async def test_semantic_turns_are_judged(engine: Engine) -> None:
    """The end-of-turn model is asked: a pause is neither the one of an unjudged turn (500 ms) nor the longest."""
    detection = {"type": "semantic_vad", "eagerness": "high", "create_response": False}
    async with EspeakVoice() as speech, client(engine, turn_detection=detection) as talker:
        question = await speech.say("what time is it", "en-us")
        before = len(talker.events)
        for turn in range(5):  # a judgement that comes late on a busy machine does not count: one in time is enough
            await talker.speak(bytes(24_000) + question.pcm + bytes(48_000 * 3), pace=1.0)
            stopped = await talker.until("input_audio_buffer.speech_stopped")
            spoken_ms = question.samples / 24
            waited_ms = stopped.audio_end_ms - turn * (3_500 + spoken_ms) - 500 - spoken_ms
            if 200 < waited_ms < 450 or 550 < waited_ms < 1_900:
                break
        else:
            pytest.fail(f"no turn was judged: {talker.events[before:]}")


@pytest.mark.parametrize("detection", [None, {"type": "server_vad", "silence_duration_ms": 400}])
async def test_live_captions(engine: Engine, detection: Any) -> None:
    """A transcription session writes what is said, named by the item that the commit names, and answers nothing."""
    url = f"{engine.url}?intent=transcription"
    async with EspeakVoice() as speech, websockets.connect(url, compression=None) as socket:
        question = await speech.say("what is two plus three", "en-us")
        created = official(await socket.recv())
        assert created.session.type == "transcription"
        session = {"type": "transcription", "audio": {"input": {"turn_detection": detection}}}
        await socket.send(json.dumps({"type": "session.update", "session": session}))
        for begin in range(0, len(pcm := bytes(24_000) + question.pcm + bytes(36_000)), 4800):
            audio = base64.b64encode(pcm[begin : begin + 4800]).decode()
            await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
        if detection is None:
            await socket.send(json.dumps({"type": "input_audio_buffer.commit"}))
        events = []
        async for message in socket:
            events.append(official(message))
            if events[-1].type.endswith("transcription.completed"):
                break
        (committed,) = [event for event in events if event.type == "input_audio_buffer.committed"]
        told = [event for event in events if ".input_audio_transcription." in event.type]
        assert {event.item_id for event in told} == {committed.item_id}
        assert told[-1].transcript == "what is two plus three"
        assert not [event for event in events if event.type.startswith("response.")]


async def test_many_sessions_share_an_engine(engine: Engine) -> None:
    """Twelve people at once, more than there are decoders, by voice and by keys: each gets the answer to their own."""

    async def talk(number: int, question: bytes) -> str:
        async with client(engine) as talker:
            if number % 4:
                await talker.ask(f"what is {number} plus {number}")
            else:
                await talker.speak(question + bytes(19_200))
                await talker.connection.input_audio_buffer.commit()
                await talker.connection.response.create()
            done = await talker.until("response.done")
            return str(done.response.output[0].content[0].transcript)

    async with EspeakVoice() as speech:
        question = (await speech.say("what is your name", "en-us")).pcm
    answers = await asyncio.gather(*(talk(number, question) for number in range(12)))
    assert answers == [
        f"{number} plus {number} is {2 * number}." if number % 4 else "My name is Parley." for number in range(12)
    ]


async def test_a_long_append_holds_up_nobody(engine: Engine) -> None:
    """Minutes of audio in one event are heard in portions: another session is served in between."""
    async with client(engine, turn_detection={"type": "server_vad"}) as hog, client(engine) as other:
        await hog.connection.input_audio_buffer.append(audio=base64.b64encode(bytes(48_000 * 200)).decode())
        await other.ask("hello")
        done = await other.until("response.done")
        assert done.response.status == "completed"
        await hog.connection.input_audio_buffer.clear()
        await hog.until("input_audio_buffer.cleared")


async def test_cancel_in_mid_response(engine: Engine) -> None:
    """After a cancel comes response.done and nothing more of that response; the next one works."""
    async with client(engine) as talker:
        await talker.ask("tell me a story")
        response_id = (await talker.until("response.output_audio.delta")).response_id
        await talker.connection.response.cancel(response_id=response_id)
        done = await talker.until("response.done")
        assert (done.response.status, done.response.status_details.reason) == ("cancelled", "client_cancelled")
        talker.events.clear()
        await talker.ask("what is your name")
        done = await talker.until("response.done")
        assert done.response.output[0].content[0].transcript == "My name is Parley."
        assert response_id not in {getattr(event, "response_id", None) for event in talker.events}


async def test_truncated_story_goes_on(engine: Engine) -> None:
    """Memory ends at the last word heard, and "go on" continues from that sentence."""
    async with client(engine) as talker:
        await talker.ask("tell me a story")
        samples = 0
        while samples < 24_000 * 4:
            event = await talker.until("response.output_audio.delta")
            samples += len(base64.b64decode(event.delta)) // 2
        await talker.connection.conversation.item.truncate(item_id=event.item_id, content_index=0, audio_end_ms=3000)
        await talker.connection.response.cancel()
        await talker.until("response.done")
        await talker.connection.conversation.item.retrieve(item_id=event.item_id)
        item = (await talker.until("conversation.item.retrieved")).item
        assert item.content[0].transcript.startswith("Once upon a time, at the foot")
        assert len(base64.b64decode(item.content[0].audio)) == 3000 * 48
        await talker.ask("go on")
        word = (await talker.until("response.output_audio_transcript.delta")).delta
        await talker.connection.response.cancel()
        assert word == "All"


async def test_errors_leave_the_connection_usable(engine: Engine) -> None:
    """Each wrong event is answered with its code and the client's id, and the session goes on."""
    async with client(engine) as talker:
        connection = talker.connection
        await connection.response.cancel(event_id="e1")
        assert (await talker.error("response_cancel_not_active")).event_id == "e1"
        await connection.input_audio_buffer.commit(event_id="e2")
        await talker.error("input_audio_buffer_commit_empty")
        await connection.conversation.item.truncate(item_id="x", content_index=0, audio_end_ms=0)
        await talker.error("item_truncate_invalid_item_id")
        await talker.ask("tell me a story")
        await talker.until("response.output_audio.delta")
        await connection.response.create(event_id="e3")
        assert (await talker.error("conversation_already_has_active_response")).event_id == "e3"
        await connection.response.cancel()
        await talker.until("response.done")
        wrong: Any = {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "mind_reading"}}}}
        await connection.session.update(session=wrong)
        assert "server_vad" in (await talker.error("invalid_value")).message
        await connection.send_raw("{")
        await talker.error("invalid_event")
        await talker.ask("hello")
        assert (await talker.until("response.done")).response.status == "completed"


async def test_beta_clients_are_told(engine: Engine) -> None:
    """The beta protocol is refused as OpenAI refuses it."""
    headers = {"OpenAI-Beta": "realtime=v1"}
    async with websockets.connect(engine.url, additional_headers=headers) as socket:
        await socket.wait_closed()
        assert socket.close_code == 4000
        assert socket.close_reason == "invalid_request_error.beta_api_shape_disabled"


@pytest.mark.parametrize("origin", ["https://example.com", "null", "http://[", "http://127.0.0.1.example.com"])
async def test_foreign_pages_are_refused(engine: Engine, origin: str) -> None:
    """A web page of another host cannot use an engine that asks for no key; nor can what is no origin at all."""
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(engine.url, origin=websockets.Origin(origin))
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(("size", "code"), [(15 * 2**20, "input_audio_buffer_full"), (15 * 2**20 + 2, "invalid_value")])
async def test_an_append_may_be_as_large_as_the_api_allows(engine: Engine, size: int, code: str) -> None:
    """What is too long for a turn, or larger than 15 MiB, is refused by an error that names it; the session goes on."""
    async with websockets.connect(engine.url) as socket:
        await socket.send(json.dumps({"type": "session.update", "session": MANUAL}))
        audio = base64.b64encode(bytes(size)).decode()
        await socket.send(json.dumps({"type": "input_audio_buffer.append", "event_id": "large", "audio": audio}))
        await socket.send(json.dumps({"type": "input_audio_buffer.clear"}))
        events = [json.loads(await socket.recv()) for _ in range(4)]
    assert [event["type"].rpartition(".")[2] for event in events] == ["created", "updated", "error", "cleared"]
    assert (events[2]["error"]["event_id"], events[2]["error"]["code"]) == ("large", code)


def offering(key: str) -> list[websockets.Subprotocol]:
    """What a browser offers: the protocol, and its key."""
    return [websockets.Subprotocol(name) for name in ("realtime", f"openai-insecure-api-key.{key}")]


async def test_a_browser_is_answered_its_subprotocol(engine: Engine) -> None:
    """A client that offers `realtime` is answered with it, one that offers others only is let in all the same."""
    async with websockets.connect(engine.url, subprotocols=offering("any")) as socket:
        assert socket.subprotocol == "realtime"
    async with websockets.connect(engine.url, subprotocols=[websockets.Subprotocol("other")]) as socket:
        assert socket.subprotocol is None


async def test_a_key_is_asked_for_once_set() -> None:
    """With PARLEY_ENGINE_KEY set, a wrong key does not get in and the right one does, from browsers, too."""
    engine = Engine(PARLEY_ENGINE_KEY="secret")
    try:
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(engine.url, additional_headers={"Authorization": "Bearer wrong"})
        assert refused.value.response.status_code == 401
        async with client(engine, key="secret") as talker:
            await talker.ask("hello")
            await talker.until("response.done")
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(engine.url, subprotocols=offering("wrong"))
        async with websockets.connect(engine.url, subprotocols=offering("secret")) as socket:
            assert socket.subprotocol == "realtime"
    finally:
        engine.stop(signal.SIGTERM)


async def test_an_engine_that_is_full_says_so() -> None:
    """Over HTTP, to whoever comes too many, however many come at once. Who has gone is not counted any more."""
    engine = Engine(PARLEY_ENGINE_SESSIONS="2")
    try:
        came = await asyncio.gather(*(websockets.connect(engine.url) for _ in range(6)), return_exceptions=True)
        inside = [socket for socket in came if isinstance(socket, websockets.ClientConnection)]
        turned_away = [error for error in came if isinstance(error, websockets.InvalidStatus)]
        assert (len(inside), len(turned_away)) == (2, 4)
        for error in turned_away:
            assert error.response.status_code == 503
            assert b"PARLEY_ENGINE_SESSIONS=2" in error.response.body
        await inside[0].close()
        async with client(engine) as talker:
            await talker.ask("hello")
            await talker.until("response.done")
        await inside[1].close()
    finally:
        engine.stop(signal.SIGTERM)


def test_other_hosts_need_a_key() -> None:
    """Listening where others can reach it without a key is refused with what to do."""
    environment = {**os.environ, "PARLEY_ENGINE_HOST": "0.0.0.0"}
    command = [sys.executable, "-m", "services.engine"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert "set PARLEY_ENGINE_KEY" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_missing_ear_says_what_to_do(tmp_path: Path) -> None:
    """Without the weights of the ear the engine does not start, and says how to get them."""
    environment = {**os.environ, "PARLEY_MODELS": str(tmp_path)}
    command = [sys.executable, "-m", "services.engine"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert "make setup" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_cleanly(number: int) -> None:
    """With a reply being spoken, a signal ends the engine with status 0 within two seconds, workers and all."""
    engine = Engine()
    async with client(engine) as talker:
        await talker.ask("tell me a story")
        await talker.until("response.output_audio.delta")
        started_s = time.monotonic()
        assert engine.stop(number) == 0
        assert time.monotonic() - started_s < 2
    assert survivors(engine.workers, patience_s=1) == []


def test_killed_engine_leaves_no_orphans() -> None:
    """Workers end by themselves when the engine is killed."""
    engine = Engine()
    assert len(engine.workers) == 2
    engine.stop(signal.SIGKILL)
    assert survivors(engine.workers, patience_s=5) == []
