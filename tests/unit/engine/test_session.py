"""The session's shell in virtual time: listening, judging, waiting, thinking and speaking at once, and its ends."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from websockets.exceptions import ConnectionClosedOK

from services.engine.parts import PartError, TextDelta, ToolCall
from services.engine.session import Means, Session
from services.vad.judge import Judge
from tests.fakes.realtime.wire import server_faults
from tests.unit.engine.protocol.client import LoudnessModel, silence, voice
from tests.unit.engine.scripted_parts import ScriptedListening, ScriptedMind, ScriptedVoice, parts
from tests.unit.engine.virtual_time import run

STORY = [TextDelta("Once upon a time there was a king. "), TextDelta("He was old and wise and tired.")]
MANUAL = {"type": "realtime", "audio": {"input": {"turn_detection": None, "transcription": {"model": "x"}}}}


class SureJudge:
    """Takes every turn for complete."""

    def probability(self, pcm: bytes) -> float:
        """Be sure."""
        return 1.0


class Wire:
    """The client's end and the engine's end of a connection, in memory. `reading` False is a client that does not."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self.reading = True
        self.gone = asyncio.Event()
        self._incoming: asyncio.Queue[str | None] = asyncio.Queue()
        self._news = asyncio.Event()

    # The engine's end

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        while (message := await self._incoming.get()) is not None:
            yield message

    async def send(self, message: str) -> None:
        if self.closed:
            raise ConnectionClosedOK(None, None)
        if not self.reading:
            await asyncio.Event().wait()
        event = json.loads(message)
        assert server_faults(event) == [], event
        self.events.append(event)
        self._news.set()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.closed = self.closed or (code, reason)
        self.gone.set()
        self._incoming.put_nowait(None)

    # The client's end

    def say(self, kind: str, **fields: Any) -> None:
        self._incoming.put_nowait(json.dumps({"type": kind, **fields}))

    def leave(self) -> None:
        self._incoming.put_nowait(None)

    async def speak(self, pcm: bytes) -> None:
        """Append audio in real time, 100 ms at a time."""
        for begin in range(0, len(pcm), 4800):
            self.say("input_audio_buffer.append", audio=base64.b64encode(pcm[begin : begin + 4800]).decode())
            await asyncio.sleep(0.1)

    def ask(self, text: str, **response: Any) -> None:
        content = [{"type": "input_text", "text": text}]
        self.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        self.say("response.create", response=response)

    async def until(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Wait for the n-th event of a type."""
        while len(found := [event for event in self.events if event["type"] == kind]) < count:
            self._news.clear()
            await self._news.wait()
        return found[count - 1]

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]


class Scene:
    """A session with its parts, and the client's end of it."""

    def __init__(self, *texts: str | PartError, mind: ScriptedMind | None = None) -> None:
        self.wire = Wire()
        self.listening = ScriptedListening(*texts)
        self.mind = mind or ScriptedMind()
        self.voice = ScriptedVoice()

    def play(self, client: Callable[[Scene], Awaitable[None]], *, transcribes_only: bool = False) -> Scene:
        """Run the session in virtual time, and the client beside it, until both have ended."""

        async def both() -> None:
            judge = Judge(SureJudge())
            made = parts(self.listening, self.mind, self.voice)
            means = Means(made, 8.0, LoudnessModel(), judge)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(Session(self.wire, means, "m", transcribes_only=transcribes_only).run())
                await client(self)
                self.wire.leave()
            judge.close()

        run(both())
        return self


def test_a_spoken_turn_is_answered() -> None:
    """Audio is recognised as it comes; the mind is asked once its words are known, and its reply is spoken."""

    async def client(scene: Scene) -> None:
        scene.wire.say("session.update", session=MANUAL)
        await scene.wire.speak(silence(400))
        assert len(scene.listening.hearings[0].pcm) == 48 * 400
        scene.wire.say("input_audio_buffer.commit")
        scene.wire.say("response.create")
        await scene.wire.until("response.done")

    scene = Scene("what time is it").play(client)
    (context,) = scene.mind.contexts
    assert [line.text for line in context.lines] == ["what time is it"]
    assert scene.voice.said == [("1 lines.", "marin", 1.0)]
    assert scene.wire.events[-1]["response"]["output"][0]["content"][0]["transcript"] == "1 lines."


def test_words_are_told_while_the_person_speaks() -> None:
    """What the recogniser is sure of reaches a transcription session at once, with the item that the commit names."""

    async def client(scene: Scene) -> None:
        scene.wire.say("session.update", session={**MANUAL, "type": "transcription"})
        await scene.wire.speak(silence(300))
        scene.listening.hearings[0].words("what time")
        told = await scene.wire.until("conversation.item.input_audio_transcription.delta")
        scene.wire.say("input_audio_buffer.commit")
        committed = await scene.wire.until("input_audio_buffer.committed")
        assert told["item_id"] == committed["item_id"]
        await scene.wire.until("conversation.item.input_audio_transcription.completed")
        scene.listening.hearings[0].words(" too late")

    scene = Scene("what time is it").play(client, transcribes_only=True)
    assert scene.wire.kinds()[-1] == "conversation.item.input_audio_transcription.completed"


def test_a_recogniser_that_breaks_is_told_and_answered() -> None:
    """The turn's words are missing, the conversation goes on."""

    async def client(scene: Scene) -> None:
        scene.wire.say("session.update", session=MANUAL)
        await scene.wire.speak(silence(200))
        scene.wire.say("input_audio_buffer.commit")
        scene.wire.say("response.create")
        await scene.wire.until("response.done")

    scene = Scene(PartError("unreachable", "nobody listens")).play(client)
    assert "conversation.item.input_audio_transcription.failed" in scene.wire.kinds()
    assert scene.wire.events[-1]["response"]["status"] == "completed"


def test_semantic_turns_are_judged_and_interrupt() -> None:
    """The judge ends the turn, the reply begins by itself, and speech stops thought and voice."""

    async def client(scene: Scene) -> None:
        scene.wire.say(
            "session.update",
            session={"type": "realtime", "audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}},
        )
        await scene.wire.speak(voice(600) + silence(600))
        await scene.wire.until("response.output_audio.delta")
        await scene.wire.speak(voice(300))
        done = await scene.wire.until("response.done")
        assert done["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        await asyncio.sleep(10)

    endless = ScriptedMind(lambda _: STORY * 100)
    scene = Scene("tell me a story", mind=endless).play(client)
    assert scene.wire.kinds()[-1] == "response.done"
    assert scene.mind.thinking == 0


def test_a_cancel_stops_thought_and_speech() -> None:
    """Nothing follows response.done, nothing more is thought or spoken, and the next response is free to begin."""

    async def client(scene: Scene) -> None:
        scene.wire.say("session.update", session=MANUAL)
        scene.wire.ask("a story")
        await scene.wire.until("response.output_audio.delta", 3)
        scene.wire.say("response.cancel")
        await scene.wire.until("response.done")
        said = len(scene.voice.said)
        await asyncio.sleep(5)
        assert scene.mind.thinking == 0
        assert len(scene.voice.said) == said
        assert scene.wire.kinds()[-1] == "response.done"
        scene.wire.ask("another")
        await scene.wire.until("response.created", 2)

    Scene(mind=ScriptedMind(lambda _: STORY * 100)).play(client)


def test_a_function_is_called_and_its_output_answered() -> None:
    """The call comes after what was said before it; its output reaches the mind with the next response."""
    tool = {"type": "function", "name": "look", "parameters": {"type": "object"}}

    def think(context: Any) -> list[Any]:
        if context.lines[-1].speaker == "tool":
            return [TextDelta(f"It is {context.lines[-1].text}.")]
        return [TextDelta("Let me look."), ToolCall("call_1", "look", "{}")]

    async def client(scene: Scene) -> None:
        scene.wire.say("session.update", session={**MANUAL, "tools": [tool]})
        scene.wire.ask("what colour is it")
        done = await scene.wire.until("response.done")
        call = done["response"]["output"][1]
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "blue"}
        scene.wire.say("conversation.item.create", item=output)
        scene.wire.say("response.create")
        await scene.wire.until("response.done", 2)

    scene = Scene(mind=ScriptedMind(think)).play(client)
    assert [context.tools for context in scene.mind.contexts] == [[tool]] * 2
    assert scene.wire.events[-1]["response"]["output"][0]["content"][0]["transcript"] == "It is blue."


def test_a_part_that_fails_ends_its_response_only() -> None:
    """What was said before it is kept, the response has failed with the part's code, and the session goes on."""

    def think(context: Any) -> list[Any]:
        broken = context.lines[-1].text == "break"
        return [TextDelta("Well. "), PartError("too_slow", "no answer")] if broken else [TextDelta("Fine.")]

    async def client(scene: Scene) -> None:
        scene.wire.say("session.update", session=MANUAL)
        scene.wire.ask("break")
        failed = (await scene.wire.until("response.done"))["response"]
        assert (failed["status"], failed["status_details"]["error"]["code"]) == ("failed", "too_slow")
        assert failed["output"][0]["content"][0]["transcript"].strip() == "Well."
        scene.wire.ask("again", output_modalities=["text"])
        again = (await scene.wire.until("response.done", 2))["response"]
        assert again["output"][0]["content"] == [{"type": "output_text", "text": "Fine."}]

    Scene(mind=ScriptedMind(think)).play(client)


def test_silence_is_spoken_to() -> None:
    """After the reply's playback and the idle timeout, the silence is committed and answered, again and again."""

    async def client(scene: Scene) -> None:
        detection = {"type": "server_vad", "idle_timeout_ms": 5000}
        scene.wire.say(
            "session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
        )
        scene.wire.ask("hello")
        await scene.wire.until("response.done")
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        await scene.wire.until("input_audio_buffer.timeout_triggered")
        assert abs(loop.time() - started_s - 0.6 - 5) < 0.2
        await scene.wire.until("input_audio_buffer.timeout_triggered", 2)

    Scene().play(client)


def test_the_hour_ends_a_session() -> None:
    """After 60 minutes the client is told and the connection closed with 1001; a reply under way is not finished."""

    async def client(scene: Scene) -> None:
        scene.wire.say("session.update", session=MANUAL)
        loop = asyncio.get_running_loop()
        await asyncio.sleep(3599)
        scene.wire.ask("a story")
        error = await scene.wire.until("error")
        assert error["error"]["code"] == "session_expired"
        assert abs(loop.time() - 3600) < 0.001
        await scene.wire.gone.wait()

    scene = Scene(mind=ScriptedMind(lambda _: STORY * 100)).play(client)
    assert scene.wire.closed == (1001, "session expired")
    assert scene.wire.kinds()[-1] == "error"
    assert scene.mind.thinking == 0


def test_a_client_that_does_not_read_slows_its_reply() -> None:
    """Events wait in a bounded number; the mind is not asked for what nobody takes."""

    async def client(scene: Scene) -> None:
        scene.wire.say("session.update", session=MANUAL)
        await scene.wire.until("session.updated")
        scene.wire.reading = False
        scene.wire.ask("a story")
        await asyncio.sleep(600)
        assert len(scene.voice.said) < 20

    Scene(mind=ScriptedMind(lambda _: STORY * 1000)).play(client)


def test_a_client_that_floods_is_closed() -> None:
    """Whoever asks without end and reads nothing is told so, and costs nobody else anything."""

    async def client(scene: Scene) -> None:
        await scene.wire.until("session.created")
        scene.wire.reading = False
        for _ in range(5000):
            scene.wire.say("input_audio_buffer.clear")
        await scene.wire.gone.wait()

    scene = Scene().play(client)
    assert scene.wire.closed == (1008, "events are not being read")


def test_a_client_that_hoards_is_closed() -> None:
    """Few events can be large, too: what is unread is bounded in bytes as well."""

    async def client(scene: Scene) -> None:
        scene.wire.say("session.update", session=MANUAL)
        await scene.wire.speak(silence(60_000))
        scene.wire.say("input_audio_buffer.commit")
        item_id = (await scene.wire.until("input_audio_buffer.committed"))["item_id"]
        scene.wire.reading = False
        for _ in range(100):
            scene.wire.say("conversation.item.retrieve", item_id=item_id)
        await scene.wire.gone.wait()

    scene = Scene().play(client)
    assert scene.wire.closed == (1008, "events are not being read")


def test_leaving_ends_everything() -> None:
    """A client that leaves in the middle of everything leaves no work behind."""

    async def client(scene: Scene) -> None:
        scene.wire.say("session.update", session=MANUAL)
        scene.wire.ask("a story")
        await scene.wire.speak(silence(200))
        await scene.wire.until("response.output_audio.delta")

    scene = Scene(mind=ScriptedMind(lambda _: STORY * 100)).play(client)
    assert scene.mind.thinking == 0
    assert scene.listening.hearings[0].forgotten
