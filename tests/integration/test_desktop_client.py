"""The real headless client over a real gRPC connection, against a server that plays a script."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import wave
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import numpy as np
import pytest

from clients.desktop import calling, events, pulse
from clients.desktop import conversation as conversation_module
from clients.desktop.__main__ import live
from clients.desktop.connection_failures import ConnectionFailed
from clients.desktop.conversation import Conversation
from clients.desktop.failures import ConversationBroken, ServerRefused
from clients.desktop.headless import HeadlessDevice
from clients.desktop.options import parse
from clients.desktop.reply_format import PCM16_BUFFER_MS
from clients.desktop.sound import pcm_of
from clients.desktop.transport import Transport, connect
from parley.v1 import audio_pb2, session_pb2, stream_pb2
from parley.v1 import conversation_service_pb2 as wire
from parley.v1.conversation_service_pb2_grpc import (
    ConversationServiceServicer,
    add_ConversationServiceServicer_to_server,
)
from tests.fakes.position_code import PositionDecoder, track_pcm
from tests.unit.desktop.sound_card import Machine, Plugged, plug_in

LEAD_SAMPLES = 4_800
CHUNK_SAMPLES = 960
WORD = b"\x00\x10" * 3200
"""200 ms at 16 kHz."""

ROOT = Path(__file__).parents[2]


class Call:
    """What a scripted server does with its one client: send, and look at what came."""

    def __init__(self, context: grpc.aio.ServicerContext[wire.ConverseRequest, wire.ConverseResponse]) -> None:
        self.requests: list[wire.ConverseRequest] = []
        self._context = context
        self._news = asyncio.Event()

    async def send(self, **response: object) -> None:
        """Send one response."""
        await self._context.write(wire.ConverseResponse(**response))  # type: ignore[arg-type]

    async def open(self) -> None:
        """Answer Open."""
        await self.until("open")
        await self.send(opened=wire.Opened(session="s1", resume_token="t1", lead_ms=200, protocol=1))

    async def play(self, reply: int, samples: int) -> None:
        """Send a whole reply at once."""
        for position in range(0, samples, CHUNK_SAMPLES):
            pcm = track_pcm(reply, min(CHUNK_SAMPLES, samples - position), position)
            await self.send(audio=audio_pb2.ReplyAudio(reply=reply, position=position, pcm=pcm))
        await self.send(reply_ended=audio_pb2.ReplyEnded(reply=reply, samples=samples))

    async def state(self, name: str) -> None:
        """Tell what the conversation is doing."""
        value = session_pb2.ConversationState.Value(f"CONVERSATION_STATE_{name}")
        await self.send(state=wire.State(state=value))

    async def close(self, reason: str = "done", code: wire.Closed.Code.ValueType = wire.Closed.CODE_CLIENT) -> None:
        """Say the last word."""
        await self.send(closed=wire.Closed(reason=reason, code=code))

    def of(self, kind: str) -> list[wire.ConverseRequest]:
        """Return what came of a kind so far."""
        return [request for request in self.requests if request.WhichOneof("message") == kind]

    async def until(
        self, kind: str, enough: Callable[[wire.ConverseRequest], bool] = lambda _: True
    ) -> wire.ConverseRequest:
        """Wait until such a request has come."""
        while True:
            for request in self.of(kind):
                if enough(request):
                    return request
            self._news.clear()
            await self._news.wait()

    def came(self, request: wire.ConverseRequest) -> None:
        """Take note of a request."""
        self.requests.append(request)
        self._news.set()


Play = Callable[[Call], Awaitable[None]]


class ScriptedServer(ConversationServiceServicer):
    """Runs a script for each call and reads all the while."""

    def __init__(self, script: Play) -> None:
        self.script = script
        self.calls: list[Call] = []

    async def Converse(self, request_iterator: object, context: object) -> None:  # type: ignore[override]
        """Serve one conversation."""
        call = Call(context)  # type: ignore[arg-type]
        self.calls.append(call)

        async def read() -> None:
            async for request in request_iterator:  # type: ignore[attr-defined]
                call.came(request)

        reading = asyncio.create_task(read())
        try:
            await self.script(call)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


@asynccontextmanager
async def serving(script: Play) -> AsyncIterator[tuple[str, ScriptedServer]]:
    """Serve a script on a free port of this machine."""
    server = grpc.aio.server()
    servicer = ScriptedServer(script)
    add_ConversationServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}", servicer
    finally:
        await server.stop(0)


async def all_events(conversation: Conversation) -> list[events.Event]:
    """Iterate to the end."""
    return [event async for event in conversation]


async def test_whole_conversation_is_stamped_reported_and_heard() -> None:
    """One reply: frames carry true playheads, reports its first and last sample, and the speaker plays it whole."""
    samples = 12_000

    async def script(call: Call) -> None:
        await call.open()
        await call.until("audio", lambda request: any(request.audio.pcm))
        await call.play(1, samples)
        await call.until("playback", lambda request: request.playback.ended)
        await call.until("audio", lambda request: request.audio.playhead.position == samples - 480)
        await call.close()

    async with serving(script) as (address, server):
        device = HeadlessDevice()
        async with Conversation(address, device, agent="tutor") as conversation:
            device.say(WORD)
            told = await all_events(conversation)
    call = server.calls[0]
    assert call.requests[0].open == wire.Open(
        protocol=1, agent="tutor", echo=wire.Open.ECHO_HEADPHONES, client_buffer_ms=PCM16_BUFFER_MS
    )
    assert [type(event) for event in told] == [
        events.Opened,
        events.ReplyStarted,
        events.ReplyPlayed,
        events.Closed,
    ]
    frames = [request.audio for request in call.of("audio")]
    assert [frame.mic_offset for frame in frames] == list(range(0, 320 * len(frames), 320))
    stamps = [frame.playhead.position for frame in frames if frame.playhead.reply == 1]
    assert stamps == list(range(0, samples, 480))
    reports = [request.playback for request in call.of("playback")]
    assert [report.position for report in reports] == [0, 4800, 9600, samples]
    assert [report.ended for report in reports] == [False, False, False, True]
    runs = PositionDecoder({1: samples}).decode(pcm_of(device.recording().assistant()))
    assert [(run.track, run.start_position, run.end_position) for run in runs] == [(1, 0, samples)]
    begun = next(event for event in told if isinstance(event, events.ReplyStarted))
    assert begun.at.played_samples == runs[0].at_sample
    assert begun.at.mic_offset == (runs[0].at_sample + 480) * 2 // 3


async def test_flush_silences_within_a_frame_and_tells_the_last_sample() -> None:
    """Flush in mid-reply leaves the frame at hand and a fade; Flushed names the last sample that was recorded."""
    samples = 48_000
    sent_at: list[int] = []

    async def script(call: Call) -> None:
        await call.open()
        await call.play(1, samples)
        await call.until("playback", lambda request: request.playback.position >= 4800)
        sent_at.append(len(call.of("audio")))
        await call.send(flush=wire.Flush(seq=1, floor=1))
        await call.send(audio=audio_pb2.ReplyAudio(reply=1, position=samples, pcm=track_pcm(1, 960, samples)))
        await call.until("flushed")
        sent_at.append(len(call.of("audio")))
        await call.play(2, 2400)
        await call.until("playback", lambda request: request.playback.reply == 2 and request.playback.ended)
        await call.close()

    async with serving(script) as (address, server):
        device = HeadlessDevice()
        async with Conversation(address, device) as conversation:
            told = await all_events(conversation)
    flushed = server.calls[0].of("flushed")[0].flushed
    assert sent_at[1] - sent_at[0] <= 2, "answered within a frame or two of the client's own clock"
    runs = PositionDecoder({1: samples, 2: 2400}).decode(pcm_of(device.recording().assistant()))
    assert [run.track for run in runs] == [1, 2]
    assert 0 <= flushed.position - runs[0].end_position <= 120, "only the end of the fade is too quiet to be read"
    assert runs[1].samples == 2400
    silenced = next(event for event in told if isinstance(event, events.Silenced))
    flush = next(event for event in told if isinstance(event, events.Flush))
    assert (silenced.seq, silenced.reply, silenced.position) == (1, 1, flushed.position)
    assert silenced.at.played_samples - flush.at.played_samples <= 2 * 480
    assert flushed.mic_offset == silenced.at.mic_offset


async def test_duck_is_heard_and_released() -> None:
    """A duck lowers what is really played by its decibels, the release restores it."""

    async def script(call: Call) -> None:
        await call.open()
        await call.play(1, 24_000)
        await call.until("playback", lambda request: request.playback.position >= 4800)
        await call.send(duck=wire.Duck(seq=1, gain_db=-20))
        await call.until("playback", lambda request: request.playback.position >= 14_400)
        await call.send(release=wire.Release(seq=2))
        await call.until("playback", lambda request: request.playback.ended)
        await call.close()

    async with serving(script) as (address, _):
        device = HeadlessDevice()
        async with Conversation(address, device) as conversation:
            told = await all_events(conversation)
    duck = next(event for event in told if isinstance(event, events.Duck))
    release = next(event for event in told if isinstance(event, events.Release))
    begun = next(event for event in told if isinstance(event, events.ReplyStarted))
    played = device.recording().assistant().astype(float)[begun.at.played_samples :]
    whole = np.frombuffer(track_pcm(1, 24_000), "<i2").astype(float)
    gain = played[:24_000] / whole
    from_duck = duck.at.played_samples - begun.at.played_samples + 960 + 480
    to_release = release.at.played_samples - begun.at.played_samples
    assert np.allclose(gain[from_duck:to_release], 0.1, atol=0.001)
    assert np.all(gain[to_release + 960 + 480 :] == 1.0)


async def test_hanging_up_says_end_and_takes_the_answer() -> None:
    """Leaving the conversation sends End as the last request; the server's Closed ends it cleanly."""

    async def script(call: Call) -> None:
        await call.open()
        await call.until("end")
        await call.close("you hung up")

    async with serving(script) as (address, server):
        async with Conversation(address, HeadlessDevice()) as conversation:
            await server.calls[0].until("audio")
            conversation.mute(True)
            conversation.interrupt()
            conversation.push_to_talk(True)
            conversation.say_text("hello")
            await conversation.hang_up("enough")
            told = await all_events(conversation)
        assert isinstance(told[-1], events.Closed)
        kinds = [request.WhichOneof("message") for request in server.calls[0].requests]
    assert kinds[-1] == "end"
    assert server.calls[0].of("end")[0].end.reason == "enough"
    assert {"mute", "interrupt", "push_to_talk", "say"} <= set(kinds)


async def test_server_that_ignores_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A goodbye without an answer takes a limited time and is no failure."""
    monkeypatch.setattr(conversation_module, "GOODBYE_S", 0.1)

    async def script(call: Call) -> None:
        await call.open()
        await asyncio.Event().wait()

    async with serving(script) as (address, _), Conversation(address, HeadlessDevice()) as conversation:
        await conversation.hang_up()
        assert [type(event) for event in await all_events(conversation)] == [events.Opened]


async def test_last_words_are_heard_after_closed() -> None:
    """What had come before Closed is played to its end; only then the iteration ends."""

    async def script(call: Call) -> None:
        await call.open()
        await call.play(1, 4800)
        await call.close()

    async with serving(script) as (address, _):
        device = HeadlessDevice()
        async with Conversation(address, device) as conversation:
            told = await all_events(conversation)
    assert isinstance(told[-1], events.ReplyPlayed)
    assert PositionDecoder({1: 4800}).decode(pcm_of(device.recording().assistant()))[0].samples == 4800


async def test_last_word_is_read_though_writing_has_failed_before() -> None:
    """A server that says Closed and is gone: a frame on its way then fails, and what it said is read all the same."""

    async def script(call: Call) -> None:
        await call.open()
        await call.close("You said goodbye.", wire.Closed.CODE_GOODBYE)

    async def talk_on(transport: Transport) -> None:
        while True:
            await transport.send(wire.ConverseRequest(audio=audio_pb2.AudioFrame(pcm=WORD[:640])))
            await asyncio.sleep(0.02)

    async with serving(script) as (address, _), connect(address) as transport:
        await transport.send(wire.ConverseRequest(open=wire.Open(protocol=1)))
        with pytest.raises(ConnectionFailed):
            await talk_on(transport)
        kinds = []
        while "closed" not in kinds and (response := await transport.receive()) is not None:
            kinds.append(response.WhichOneof("message"))
    assert kinds == ["opened", "closed"]


async def test_unreachable_server_is_one_line() -> None:
    """Nobody listens: the failure says where and what to do."""
    with pytest.raises(
        ServerRefused, match=r"^Cannot reach Parley at 127\.0\.0\.1:1 \(connection refused\)\. Start it"
    ):
        async with Conversation("127.0.0.1:1", HeadlessDevice()):
            pass


async def test_refusal_is_told_in_the_servers_words() -> None:
    """An Error instead of Opened ends the client with that message, even if the server does not hang up."""

    async def script(call: Call) -> None:
        await call.until("open")
        await call.send(error=stream_pb2.Error(code=stream_pb2.Error.CODE_STORE, message="Redis is away."))

    async with serving(script) as (address, _):
        with pytest.raises(ServerRefused, match=r"The server refused: Redis is away\."):
            async with Conversation(address, HeadlessDevice()):
                pass


async def test_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that takes the call and never answers Open is no endless wait."""
    monkeypatch.setattr(calling, "OPEN_WITHIN_S", 0.1)

    async def script(call: Call) -> None:
        await asyncio.Event().wait()

    async with serving(script) as (address, _):
        with pytest.raises(ServerRefused, match="did not answer"):
            async with Conversation(address, HeadlessDevice()):
                pass


async def test_wrong_service_is_told() -> None:
    """A gRPC server without this service is another address, not a broken conversation."""
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    with pytest.raises(ServerRefused, match="it is not Parley's ingress"):
        async with Conversation(f"127.0.0.1:{port}", HeadlessDevice()):
            pass
    await server.stop(0)


async def test_stream_that_ends_without_closed_has_crashed() -> None:
    """A server that vanishes in mid-conversation is told as such."""

    async def script(call: Call) -> None:
        await call.open()
        await call.until("audio")

    async with serving(script) as (address, _):
        with pytest.raises(ConversationBroken, match="without a word"):
            async with Conversation(address, HeadlessDevice()) as conversation:
                await all_events(conversation)


async def test_server_killed_in_conversation_is_told() -> None:
    """A connection that breaks ends the iteration with the reason, after the events that had come."""

    async def script(call: Call) -> None:
        await call.open()
        await asyncio.Event().wait()

    async with serving(script) as (address, _):
        conversation = Conversation(address, HeadlessDevice())
        await conversation.__aenter__()
    assert isinstance(await anext(conversation), events.Opened)
    with pytest.raises(ConversationBroken, match="was lost"):
        await anext(conversation)
    await conversation.__aexit__(None, None, None)


async def test_silent_server_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a server's heartbeats stop the client says so instead of waiting for ever."""
    monkeypatch.setattr(pulse, "SILENT_FOR_GOOD_S", 0.2)

    async def script(call: Call) -> None:
        await call.open()
        await call.send(heartbeat=stream_pb2.Heartbeat(beat=1))
        await asyncio.Event().wait()

    async with serving(script) as (address, _):
        with pytest.raises(ConversationBroken, match="has been silent"):
            async with Conversation(address, HeadlessDevice()) as conversation:
                await all_events(conversation)


async def _run_card(machine: Machine, heard: bytearray) -> None:
    """Call back as a sound card does, in its own sizes; collect what it was given to play."""
    while True:
        await asyncio.sleep(0.02)
        if len(machine.streams) == 2 and machine.microphone.open:
            machine.microphone.speak(b"\1\0" * 320)
            heard += machine.speaker.ask(480)


async def test_live_conversation_until_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Microphone and speaker through PyAudio: the reply is played, and Ctrl-C says End before the card is let go."""
    machine = plug_in(monkeypatch, machine=Machine([Plugged("USB Headset", 1, 2)]))
    heard, transcript = bytearray(), tmp_path / "out.txt"

    async def script(call: Call) -> None:
        await call.open()
        await call.until("audio", lambda request: any(request.audio.pcm))
        await call.play(1, 4800)
        said = wire.Caption(who=wire.Caption.WHO_ASSISTANT, text="Hello.", final=True, reply=1)
        await call.send(caption=said)
        await call.until("playback", lambda request: request.playback.ended)
        os.kill(os.getpid(), signal.SIGINT)
        await call.until("end")
        await call.close()

    async with serving(script) as (address, server):
        ticking = asyncio.create_task(_run_card(machine, heard))
        await live(parse(["--server", address, "--transcript", str(transcript), "--record", str(tmp_path / "o.wav")]))
        ticking.cancel()
        reports = [request.playback.position for request in server.calls[0].of("playback")]
    assert reports == [0, 4800]
    runs = PositionDecoder({1: 4800}).decode(bytes(heard))
    assert [(run.start_position, run.samples) for run in runs] == [(0, 4800)]
    assert machine.ended == 1
    assert transcript.read_text() == "Parley: Hello.\n"
    assert "Parley: Hello." in capsys.readouterr().out


async def run_client(address: str, *options: str) -> tuple[int, str, str]:
    """Run the command; return its exit code and what it wrote."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "clients.desktop",
        "--server",
        address,
        *options,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture
def question(tmp_path: Path) -> Path:
    """A spoken question of 200 ms, for a server that does not listen closely."""
    path = tmp_path / "question.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(WORD)
    return path


async def _ask_and_answer(call: Call, turn: int, after: int) -> int:
    """Hear a question, answer it; the second answer is cut off. Return the question's mic_offset."""
    asked = await call.until("audio", lambda got: got.audio.mic_offset >= after and any(got.audio.pcm))
    words = wire.Caption(who=wire.Caption.WHO_USER, text=f"Question {turn}", final=True, turn=turn)
    await call.send(caption=words)
    await call.state("SPEAKING")
    await call.play(turn, 4800)
    await call.until("playback", lambda got: got.playback.reply == turn and got.playback.ended)
    who = wire.Caption.WHO_ASSISTANT
    said = wire.Caption(who=who, text=f"Answer {turn}", final=True, reply=turn, interrupted=turn == 2)
    await call.send(caption=said)
    await call.state("IDLE")
    return asked.audio.mic_offset


async def test_command_says_files_in_turn_and_keeps_both_voices(question: Path, tmp_path: Path) -> None:
    """`--say a b --record --transcript`: a notice, two questions and answers, code 0, a stereo file, a transcript."""

    async def script(call: Call) -> None:
        await call.open()
        await call.send(notice=wire.Notice(code=wire.Notice.CODE_ECHO_UNSTAMPED, message="stamp the frames."))
        first = await _ask_and_answer(call, 1, after=0)
        await _ask_and_answer(call, 2, after=first + len(WORD))
        await call.until("end")
        await call.close()

    record, transcript = tmp_path / "out.wav", tmp_path / "out.txt"
    async with serving(script) as (address, _):
        code, out, err = await run_client(
            address, "--say", str(question), str(question), "--record", str(record), "--transcript", str(transcript)
        )
    assert (code, err) == (0, "")
    notice = "(The server says: stamp the frames.)"
    lines = [notice, "You: Question 1", "Parley: Answer 1", "You: Question 2", "Parley: Answer 2 (cut off)"]
    assert out.splitlines() == lines
    assert transcript.read_text().splitlines() == lines
    with wave.open(str(record)) as file:
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    runs = PositionDecoder({1: 4800, 2: 4800}).decode(pcm_of(both[:, 1]))
    assert [(run.track, run.samples) for run in runs] == [(1, 4800), (2, 4800)]
    assert np.count_nonzero(np.abs(both[:, 0].astype(int)) > 1000) == pytest.approx(9600, rel=0.05)


@pytest.mark.parametrize(("files", "code", "lines"), [(1, 0, 0), (2, 3, 1)], ids=["all was said", "one file is left"])
async def test_command_when_parley_hangs_up(question: Path, files: int, code: int, lines: int) -> None:
    """Its words are shown; it is a good end, unless something was yet to be said: then one line says that, and why."""

    async def script(call: Call) -> None:
        await call.open()
        await _ask_and_answer(call, 1, after=0)
        await call.close("You said goodbye.", wire.Closed.CODE_GOODBYE)

    async with serving(script) as (address, server):
        got, out, err = await run_client(address, "--say", *[str(question)] * files)
        assert not server.calls[0].of("end")
    assert (got, err.count("\n")) == (code, lines)
    assert out.splitlines() == ["You: Question 1", "Parley: Answer 1", "(Parley has hung up: You said goodbye.)"]
    assert not lines or err.endswith("before everything was said and answered. It said: You said goodbye.\n")


async def test_a_live_conversation_that_parley_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The words are on the screen, the card is let go, and it is no failure."""
    machine, heard = plug_in(monkeypatch), bytearray()

    async def script(call: Call) -> None:
        await call.open()
        await call.until("audio")
        await call.close("Nobody was there.", wire.Closed.CODE_SILENCE)

    async with serving(script) as (address, _):
        ticking = asyncio.create_task(_run_card(machine, heard))
        await live(parse(["--server", address]))
        ticking.cancel()
    assert machine.ended == 1
    out = capsys.readouterr().out
    assert out.endswith("(Parley has hung up: Nobody was there.)\n\nThe conversation is over.\n")


async def test_command_records_for_a_bug_report(question: Path, tmp_path: Path) -> None:
    """`--bug-report` leaves a zip file with both voices and what happened, and without the token."""

    async def script(call: Call) -> None:
        await call.open()
        await _ask_and_answer(call, 1, after=0)
        await call.close("You said goodbye.", wire.Closed.CODE_GOODBYE)

    path = tmp_path / "report.zip"
    async with serving(script) as (address, _):
        code, _, err = await run_client(
            address, "--say", str(question), "--bug-report", str(path), "--token", "SECRET-TOKEN"
        )
    assert (code, err) == (0, "")
    with zipfile.ZipFile(path) as zipped:
        happened = [json.loads(line)["type"] for line in zipped.read("events.jsonl").decode().splitlines()]
        with wave.open(io.BytesIO(zipped.read("conversation.wav"))) as file:
            both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        assert all(b"SECRET-TOKEN" not in zipped.read(name) for name in zipped.namelist())
    assert np.any(both[:, 0])
    assert np.any(both[:, 1])
    assert [happened[0], happened[-1]] == ["Opened", "Closed"]


async def test_command_ends_with_code_3_when_no_answer_comes(question: Path) -> None:
    """Patience has an end, and the line says how to have more."""

    async def script(call: Call) -> None:
        await call.open()
        await call.until("end")
        await call.close()

    async with serving(script) as (address, server):
        code, out, err = await run_client(address, "--say", str(question), "--wait-s", "0.5")
        assert server.calls[0].of("end")
    assert (code, out) == (3, "")
    assert err.count("\n") == 1
    assert err.startswith("No answer was heard 0.5 s after the first file.")


async def test_command_ends_with_code_2_when_nobody_is_there(question: Path) -> None:
    """An unreachable server is one line on stderr."""
    code, out, err = await run_client("127.0.0.1:1", "--say", str(question))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("Cannot reach Parley at 127.0.0.1:1 (connection refused).")


async def test_command_ends_with_code_1_when_the_file_is_missing() -> None:
    """A wrong path is found before the server is called."""
    code, out, err = await run_client("127.0.0.1:1", "--say", "nowhere.wav")
    assert (code, out, err) == (1, "", "There is no file nowhere.wav: check --say.\n")
