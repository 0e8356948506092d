"""What holds whatever a client, its person and the parts do, in whatever order."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.engine.parts import Curtailed, PartError, ToolCall
from services.engine.protocol.events import Answer, Hear, Hush, Judge, Listen, Understand
from tests.unit.engine.protocol.client import Client, Events, silence, voice

STEPS = st.lists(
    st.sampled_from(
        (
            "speech",
            "silence",
            "commit",
            "clear",
            "create",
            "create aside",
            "cancel",
            "word",
            "call",
            "finish",
            "curtail",
            "fail",
            "understand",
            "misunderstand",
            "say words",
            "judge",
            "idle",
            "truncate",
            "delete",
            "type",
            "server_vad",
            "semantic_vad",
            "manual",
        )
    ),
    max_size=40,
)


class Play:
    """A session, and a shell that reports at random."""

    def __init__(self) -> None:
        detection = {"type": "server_vad", "idle_timeout_ms": 5000}
        audio = {"input": {"turn_detection": detection, "transcription": {"model": "x"}}}
        self.client = Client(session={"type": "realtime", "audio": audio})
        self.events: Events = []

    def step(self, name: str) -> None:
        """Do one thing, and keep what comes of it."""
        self.events += self._do(name)

    def _do(self, name: str) -> Events:
        client, core = self.client, self.client.core
        match name:
            case "speech":
                return client.append(voice(300))
            case "silence":
                return client.append(silence(600))
            case "commit" | "clear":
                return client.send(f"input_audio_buffer.{name}")
            case "create":
                return client.send("response.create")
            case "create aside":
                return client.send("response.create", response={"conversation": "none", "max_output_tokens": 20})
            case "cancel":
                return client.send("response.cancel")
            case "type":
                return client.say("hello", f"typed{len(self.events)}")
            case "truncate":
                fields = {"item_id": self._last_item(), "content_index": 0, "audio_end_ms": 100}
                return client.send("conversation.item.truncate", **fields)
            case "delete":
                return client.send("conversation.item.delete", item_id=self._last_item())
            case "server_vad" | "semantic_vad" | "manual":
                detection = None if name == "manual" else {"type": name}
                return client.send(
                    "session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
                )
            case "idle":
                return client.take(core.idle())
            case "judge":
                asked = [action for action in client.done if isinstance(action, Judge)]
                return client.take(core.judged(asked[-1].turn, asked[-1].pause, 0.9)) if asked else []
            case "say words":
                heard = [action for action in client.done if isinstance(action, Listen)]
                return client.take(core.words(heard[-1].item_id, " so")) if heard else []
            case "understand" | "misunderstand":
                return self._understand(name)
            case _:
                return self._report(name)

    def _understand(self, name: str) -> Events:
        committed = [action for action in self.client.done if isinstance(action, Understand)]
        if not committed:
            return []
        if name == "understand":
            return self.client.take(self.client.core.transcribed(committed[-1].item_id, " so it is"))
        return self.client.take(self.client.core.transcription_failed(committed[-1].item_id, PartError("failed", "x")))

    def _report(self, name: str) -> Events:
        asked = [action.response_id for action in self.client.done if isinstance(action, Answer)]
        if not asked:
            return []
        core, take, latest = self.client.core, self.client.take, asked[-1]
        match name:
            case "word":
                return self.client.speak(latest, (" word", 0.4))
            case "call":
                return take(core.call(latest, ToolCall("call", "look", "{}")))
            case "finish":
                return take(core.finish(latest))
            case "curtail":
                return take(core.finish(latest, Curtailed("content_filter")))
            case _:
                return take(core.fail(latest, PartError("failed", "x")))

    def _last_item(self) -> str:
        last = self.client.core.conversation.last
        return last.id if last else "none"


def of(events: Events, kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == kind]


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_a_session_is_never_confused(steps: list[str]) -> None:
    """One response of the conversation at a time, one end for each and nothing after it, and no turn that is another's.

    (That every event is as the official types have it, the client sees to.)
    """
    play = Play()
    for step in steps:
        play.step(step)
    check_responses(play)
    check_turns(play)


def check_responses(play: Play) -> None:
    """Each response begins once, ends at most once, and is silent after that."""
    active: set[str] = set()
    over: set[str] = set()
    own = 0
    for event in play.events:
        response = event.get("response", {})
        response_id = event.get("response_id", response.get("id"))
        if event["type"] == "response.created":
            assert response_id not in active | over
            active.add(response_id)
            own += response["conversation_id"] is not None
            assert own <= 1
        elif event["type"] == "response.done":
            assert response_id in active
            active.remove(response_id)
            over.add(response_id)
            own -= response["conversation_id"] is not None
            assert response["status"] != "in_progress"
            assert all(item["status"] != "in_progress" for item in response["output"])
        elif response_id is not None:
            assert response_id in active
    for response_id in over:
        said = [event for event in play.events if event.get("response_id") == response_id]
        added, done = of(said, "response.output_item.added"), of(said, "response.output_item.done")
        assert [event["item"]["id"] for event in added] == [event["item"]["id"] for event in done]
        assert [event["output_index"] for event in added] == list(range(len(added)))
    hushed = [action.response_id for action in play.client.done if isinstance(action, Hush)]
    assert len(hushed) == len(set(hushed))


def check_turns(play: Play) -> None:
    """Turns alternate, keep their names, share no audio, and are each recognised as a whole."""
    names = [event["item_id"] for event in of(play.events, "input_audio_buffer.committed")]
    assert len(names) == len(set(names))
    open_turn, end_ms = "", 0
    for event in play.events:
        match event["type"].removeprefix("input_audio_buffer."):
            case "speech_started":
                assert event["audio_start_ms"] >= end_ms
                open_turn = event["item_id"]
            case "speech_stopped":
                assert event["item_id"] == open_turn
                assert event["audio_end_ms"] > end_ms
                end_ms = event["audio_end_ms"]
    understood = [action.item_id for action in play.client.done if isinstance(action, Understand)]
    assert len(understood) == len(set(understood))
    for item in play.client.core.conversation:
        if item.id in understood and item.parts[0].pcm is not None:
            heard = [a.pcm for a in play.client.done if isinstance(a, Hear) and a.item_id == item.id]
            assert b"".join(heard) == bytes(item.parts[0].pcm)
    told = of(play.events, "conversation.item.input_audio_transcription.completed")
    assert len({event["item_id"] for event in told}) == len(told)
